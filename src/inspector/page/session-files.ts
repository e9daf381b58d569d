/** Session files on their way from the user's disk into the app. */
import type { PageApp } from './create-app.ts'

/** Shows the file's session; what is wrong with it is said in `app.notice`. */
export function openFile(app: PageApp, file: File): void {
  void app.openSession(file.name, chunksOf(file.stream()))
}

/** Streams are not iterable in every browser yet. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    while (true) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}
