/** From the integration guide, as it stands there; wrapped into a function, which supplies its free names. */
import { MemorySyncManager } from 'memory-sync'

export async function batchOperations(memorySync: MemorySyncManager, tasks: { id: string; state: any }[]) {
  // Bad: Sequential writes
  for (const task of tasks) {
    await memorySync.syncTaskState(task.id, task.state);
  }

  // Good: Batch writes
  await Promise.all(
    tasks.map(task => memorySync.syncTaskState(task.id, task.state))
  );

  // Even better: Force sync after batch
  await Promise.all(
    tasks.map(task => memorySync.syncTaskState(task.id, task.state))
  );
  await memorySync.forceSync();
}
