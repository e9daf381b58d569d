import { describe, expect, it } from 'vitest'
import { exitCodes, exitCodesHelp, interrupted, notFound, storeNotOpened, toldError } from '../../src/cli/exit-codes.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'

describe('exit codes', () => {
  it.each([
    [new MemorySyncError('invalid_key', 'x'), 2],
    [new MemorySyncError('store_unavailable', 'x'), 4],
    [new MemorySyncError('corrupt', 'x'), 4],
    [new MemorySyncError('conflict', 'x'), 5],
    [new MemorySyncError('task_failed', 'x'), 1],
    [new MemorySyncError('not_supported', 'x'), 2],
    [storeNotOpened(new MemorySyncError('not_supported', 'a newer format')), 4],
    [notFound('x'), 3],
    [interrupted('x'), 130],
    [new Error('a fault of ours'), 1],
    ['thrown text', 1],
  ])('of %s is %d', (thrown, exitCode) => expect(toldError(thrown).exitCode).toBe(exitCode))

  it('keeps code, message and whether a retry can help', () => {
    expect(toldError(new MemorySyncError('conflict', 'somebody was first'))).toEqual({
      exitCode: 5,
      code: 'conflict',
      message: 'somebody was first',
      retryable: true,
    })
    expect(toldError(new TypeError('oops'))).toMatchObject({ code: 'internal', message: 'oops', retryable: false })
  })

  it('are all in the help', () => {
    for (const code of Object.values(exitCodes)) expect(exitCodesHelp()).toMatch(new RegExp(`^ {2}${code} +\\w`, 'm'))
  })
})
