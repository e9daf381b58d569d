/** From the integration guide, as it stands there; wrapped into a function, which supplies its free names. */
import { MemorySyncManager } from 'memory-sync'

export async function lockContention(manager: MemorySyncManager, taskId: string) {
  // Monitor lock acquisition failures
  let lockFailures = 0;

  const acquired = await manager.acquireTaskLock(taskId);
  if (!acquired) {
    lockFailures++;
    console.warn('Lock contention detected:', lockFailures);
  }

  // Consider:
  // 1. Shorter lock timeouts
  // 2. Task partitioning
  // 3. Lock-free algorithms
  return { acquired, lockFailures }
}
