/** From the integration guide, as it stands there; the import path is changed, and the store is not the default one. */
import { describe, it, expect, beforeEach } from 'vitest';
import { MemorySyncManager } from 'memory-sync';

process.env.MEMORY_SYNC_STORE = 'memory:'

describe('MemorySyncManager Integration', () => {
  let manager: MemorySyncManager;

  beforeEach(() => {
    manager = new MemorySyncManager({
      workerId: 'test-worker',
      batchInterval: 50
    });
  });

  it('should coordinate task execution', async () => {
    const taskId = 'test-task';

    // Acquire lock
    const acquired = await manager.acquireTaskLock(taskId);
    expect(acquired).toBe(true);

    // Sync state
    await manager.syncTaskState(taskId, {
      status: 'running'
    });

    // Release
    await manager.releaseTaskLock(taskId);
  });

  it('should handle concurrent writes', async () => {
    const key = 'test-key';

    // Simulate concurrent writes
    await Promise.all([
      manager.write(key, 'value1'),
      manager.write(key, 'value2'),
      manager.write(key, 'value3')
    ]);

    await manager.forceSync();

    const metrics = manager.getMetrics();
    expect(metrics.writes).toBe(3);
  });
});
