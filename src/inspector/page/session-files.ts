/** Session files on their way from the user's disk into the app. */
import { chunksOf } from './chunks-of.ts'
import type { PageApp } from './create-app.ts'

/** Shows the file's session; what is wrong with it is said in `app.notice`. */
export function openFile(app: PageApp, file: File): void {
  void app.openSession(file.name, chunksOf(file.stream()))
}
