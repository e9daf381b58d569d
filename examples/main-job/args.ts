/** What the command line says, checked. Starts nothing. */
import { parseArgs } from 'node:util'

export const help = `Usage: npm start -- [directory] [options]

Two worker processes share one memory and build an inverted index of the text files of a
directory (default: this project). One of them is killed half-way, the job is finished all the
same, and the result is compared with a plain computation in a single process.

Options:
  --store file:<directory>  keep the shared memory there; the same job continues where it was left
                            (default: a new directory among the temporary files, removed afterwards)
  --no-kill                 let both workers live
  --inspect                 watch it in a browser: the job waits for you, and the page stays afterwards until Ctrl-C
  --keep                    keep the temporary store
  --json                    print the summary as JSON
  --help                    print this

Exit code: 0 the result is right, 1 it is not or the job failed, 2 wrong usage, 130 interrupted.`

export interface Args {
  /** null: this project. */
  readonly directory: string | null
  readonly store: string | null
  readonly kill: boolean
  readonly inspect: boolean
  readonly keep: boolean
  readonly json: boolean
  readonly help: boolean
}

/** The message is for the user, who gave the wrong arguments. */
export class UsageError extends Error {}

/** @throws {@link UsageError} */
export function argsOf(argv: readonly string[]): Args {
  const { values, positionals } = parsed(argv)
  if (positionals.length > 1) throw new UsageError(`one directory is enough, got ${positionals.join(' and ')}`)
  if (values.store !== undefined && !/^file:./.test(values.store)) {
    throw new UsageError(`--store must be file:<directory>, which two processes can share; got "${values.store}"`)
  }
  return {
    directory: positionals[0] ?? null,
    store: values.store ?? null,
    kill: !values['no-kill'],
    inspect: values.inspect,
    keep: values.keep,
    json: values.json,
    help: values.help,
  }
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        store: { type: 'string' },
        'no-kill': { type: 'boolean', default: false },
        inspect: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
