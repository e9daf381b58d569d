/** The part of qlobber that the figures use; it comes without types. */
declare module 'qlobber' {
  export class Qlobber<Value> {
    constructor(options?: { separator?: string; wildcard_one?: string; wildcard_some?: string })
    add(pattern: string, value: Value): this
    match(topic: string): Value[]
  }
}
