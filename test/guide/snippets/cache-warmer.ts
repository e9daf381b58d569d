/** From the integration guide, as it stands there; the import and the declarations below are added. */
import { MemorySyncManager } from 'memory-sync'

class CacheWarmer {
  constructor(private memorySync: MemorySyncManager) {}

  async warmCache(taskIds: string[]) {
    // Preload frequently accessed data
    await Promise.all(
      taskIds.map(taskId => memorySync.getTaskState(taskId))
    );

    console.log('Cache warmed with', taskIds.length, 'tasks');
  }
}

// In the guide this is the manager of its quick start.
let memorySync: MemorySyncManager

function supply(manager: MemorySyncManager) {
  memorySync = manager
}

export { CacheWarmer, supply }
