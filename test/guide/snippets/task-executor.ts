/** From the integration guide, as it stands there; the import and the declarations below are added. */
import { MemorySyncManager } from 'memory-sync'

class TaskExecutor {
  constructor(private memorySync: MemorySyncManager) {}

  async executeTask(taskId: string) {
    // Acquire lock
    const acquired = await this.memorySync.acquireTaskLock(taskId, 30000);
    if (!acquired) {
      throw new Error(`Cannot acquire lock for task ${taskId}`);
    }

    try {
      // Update state
      await this.memorySync.syncTaskState(taskId, {
        status: 'processing',
        startedAt: Date.now(),
        workerId: this.memorySync['config'].workerId
      });

      // Execute with progress updates
      for (let i = 0; i <= 100; i += 10) {
        await this.doWork();
        await this.memorySync.syncTaskProgress(taskId, i, 'processing');
      }

      // Complete
      await this.memorySync.syncTaskState(taskId, {
        status: 'completed',
        completedAt: Date.now()
      });
    } catch (error) {
      // Error handling
      await this.memorySync.syncTaskState(taskId, {
        status: 'failed',
        error: error.message,
        failedAt: Date.now()
      });
      throw error;
    } finally {
      // Always release lock
      await this.memorySync.releaseTaskLock(taskId);
    }
  }
}

interface TaskExecutor {
  doWork(): Promise<void>
}

export { TaskExecutor }
