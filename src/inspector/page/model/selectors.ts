/**
 * What panes ask of a session's state, in one place. Each question has its own file, is pure, and is remembered for a state where that
 * pays: asking twice for one state gives one object. Knows no DOM.
 */
export { type ActorNode, actorsAt, actorTree, type SourceActors } from './actor-tree.ts'
export { type Causality, type CausalityEdge, type CausalityNode, causality } from './causality.ts'
export { activeNodes, type NextEdge, type NextEvent, nextEvents } from './chart-state.ts'
export { type Difference, type Differences, differences } from './differences.ts'
export { type KeyNode, keyTree } from './key-tree.ts'
export { type LockRow, locksOf } from './locks.ts'
export { type MetricsColumns, metricsColumns } from './metrics-columns.ts'
export { actorFields, matchesActor, matchesRecord, parseQuery, type Query, type QueryField, queryFields } from './query.ts'
export { leaseLeftMs, type TaskLists, type TaskRow, type TaskRowStatus, tasksOf, type UnreadableTask } from './tasks.ts'
export { goneState, type WorkerRow, workersOf } from './workers.ts'
