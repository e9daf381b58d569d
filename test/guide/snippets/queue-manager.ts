/** From the integration guide, as it stands there; the import and the declarations below are added. */
import { MemorySyncManager } from 'memory-sync'

class QueueManager {
  constructor(private memorySync: MemorySyncManager) {}

  async enqueue(taskId: string) {
    const queue = await this.memorySync.getQueue() || {
      pending: [],
      processing: []
    };

    queue.pending.push(taskId);

    await this.memorySync.syncQueue(queue);
  }

  async dequeue(): Promise<string | null> {
    const queue = await this.memorySync.getQueue();
    if (!queue || queue.pending.length === 0) {
      return null;
    }

    const taskId = queue.pending.shift()!;
    queue.processing.push(taskId);

    await this.memorySync.syncQueue(queue);

    return taskId;
  }

  async complete(taskId: string) {
    const queue = await this.memorySync.getQueue();
    if (!queue) return;

    queue.processing = queue.processing.filter(id => id !== taskId);

    await this.memorySync.syncQueue(queue);
  }
}

export { QueueManager }
