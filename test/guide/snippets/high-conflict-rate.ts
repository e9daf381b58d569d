/** From the integration guide, as it stands there; wrapped into a function, which supplies its free names. */
import { MemorySyncManager } from 'memory-sync'

export function highConflictRate(manager: MemorySyncManager) {
  // Check conflict metrics
  const metrics = manager.getMetrics();
  console.log('Conflict rate:', metrics.conflicts / metrics.writes);

  // Consider:
  // 1. Increasing batch interval
  // 2. Using custom conflict resolver
  // 3. Partitioning data by worker
  return metrics
}
