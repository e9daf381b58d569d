/** The package's main entry: the runtime, what its calls give and take, errors, and the stores that need no server. */
export { type Entry, type EntryExtension, isExpired, isLive, isTombstone } from './domain/entry.ts'
export { type ErrorCode, MemorySyncError } from './domain/errors.ts'
export type { HybridTimestamp } from './domain/hybrid-clock.ts'
export type { Json } from './domain/json.ts'
export { decodeId, encodeId } from './domain/key.ts'
export { assertResolverLaws } from './domain/resolver-laws.ts'
export { type ConflictResolver, ConflictResolvers, type Resolution, type ResolverResult } from './domain/resolvers.ts'
export type { Backoff } from './domain/retry.ts'
export type { Takeover, TaskFault, TaskRecord, TaskStatus } from './domain/task-record.ts'
export { VectorClockManager } from './domain/vector-clock-manager.ts'
export type { Comparison, Version } from './domain/version-vector.ts'
export type { Condition, Guard, Unit, Write } from './domain/write.ts'
export type { ManagerEvents, Problem } from './facade/events.ts'
export type { SubscriptionCallbacks } from './facade/live-subscriptions.ts'
export type { MemorySyncOptions } from './facade/options.ts'
export type { TaskLockOptions } from './facade/task-locks.ts'
export type { AgentDocument } from './helpers/agent-answers.ts'
export { type AgentAssignment, AgentCoordinator, type AgentHost, type CoordinationOptions } from './helpers/agent-coordinator.ts'
export { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from './helpers/circuit-breaker.ts'
export { type RetryOptions, withRetry } from './helpers/retry.ts'
export { type QueueHost, TaskQueue, type TaskQueueOptions } from './helpers/task-queue.ts'
export { type TaskStateHost, warmCache } from './helpers/warm-cache.ts'
export { type ManagerMetrics, type ManagerWriteOptions, MemorySyncManager } from './memory-sync-manager.ts'
export { consoleLogger, systemClock, systemRandom } from './platform.ts'
export type { Clock, Timer } from './ports/clock.ts'
export { type Logger, silentLogger } from './ports/logger.ts'
export type { PostEvent } from './ports/post.ts'
export type { Random } from './ports/random.ts'
export type {
  Durability,
  FeedItem,
  ListOptions,
  ReadOptions,
  Receipt,
  Store,
  Stored,
  StoreFeatures,
  WatchOptions,
} from './ports/store.ts'
export type { ClaimedTask, ClaimOptions } from './runtime/claims.ts'
export type { TaskCommand } from './runtime/commands.ts'
export { createRuntime } from './runtime/create-runtime.ts'
export { type FileStoreOptions, fileStore, type MemoryStoreOptions, memoryStore } from './runtime/create-store.ts'
export type { DependencyState, Explanation } from './runtime/explain.ts'
export type { HandledTask, Handler, Handlers } from './runtime/handlers.ts'
export type { HeldLock } from './runtime/held-lock.ts'
export type { LockOptions } from './runtime/locks.ts'
export type {
  Committed,
  Memory,
  MemoryChange,
  MemoryEvent,
  MemoryItem,
  MemoryWatchOptions,
  WriteOptions,
} from './runtime/memory.ts'
export type { RuntimeOptions } from './runtime/options.ts'
export type { Queue, QueueSnapshot } from './runtime/queue.ts'
export type { QueueDocument } from './runtime/queue-document.ts'
export type { Runtime } from './runtime/runtime.ts'
export type { TaskSpec } from './runtime/task-spec.ts'
export type { DeadLetterTask, TaskHandle, TaskStatusEvent } from './runtime/tasks.ts'
export type {
  DrivenWorkerOptions,
  HandlerWorkerOptions,
  PullingWorkerHandle,
  PullingWorkerOptions,
  WorkerHandle,
  WorkerOptions,
} from './runtime/workers.ts'
