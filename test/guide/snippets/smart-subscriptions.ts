/** From the integration guide, as it stands there; wrapped into a function, which supplies its free names. */
import { MemorySyncManager } from 'memory-sync'

export function smartSubscriptions(memorySync: MemorySyncManager) {
  // Bad: Subscribe to everything
  memorySync.subscribe('task-sentinel/*');

  // Good: Subscribe to specific patterns
  memorySync.subscribe('task-sentinel/tasks/high-priority-*/state');
  memorySync.subscribe('task-sentinel/workers/primary-*/status');
}
