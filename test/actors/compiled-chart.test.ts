import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AnyStateMachine,
  and,
  assign,
  createActor,
  createMachine,
  emit,
  fromPromise,
  fromTransition,
  initialTransition,
  not,
  or,
  raise,
  sendTo,
  setup,
  stateIn,
  transition,
} from 'xstate'
import { taskMachine } from '../../machines/task.ts'
import { compileChart, microstepsMax } from '../../src/actors/compiled-chart.ts'
import { taskStep, taskStart } from './task-steps.ts'
import { type Driven, createRunLog, drive, plain, type RunLog } from './run-log.ts'

type Bind = (log: RunLog) => AnyStateMachine

/** Runs both, and compares after every step all that was observed. */
function compare(bind: Bind, play: (step: Driven['step'][], actors: Driven[]) => number, options: object = {}): number {
  const logs = [createRunLog(), createRunLog()] as const
  const actors = [drive(bind(logs[0]), logs[0], options), drive(compileChart(bind(logs[1])), logs[1], options)]
  const agree = (): void => {
    if (!isDeepStrictEqual(logs[1].lines, logs[0].lines)) expect(logs[1].lines).toEqual(logs[0].lines)
    for (const log of logs) log.lines.length = 0
  }
  agree()
  const steps = play(
    actors.map((actor) => actor.step),
    actors,
  )
  agree()
  return steps
}
