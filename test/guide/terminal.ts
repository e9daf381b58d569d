/** The second terminal of the quick start: tells what it hears of workers until it is told to end. */
import { once } from 'node:events';
import { MemorySyncManager } from 'memory-sync';

const memorySync = new MemorySyncManager({ workerId: 'worker-2' });
memorySync.subscribe('task-sentinel/workers/*/status', {
  onChange: async (key, value) => {
    const workerId = key.split('/')[2]!;
    const read = await memorySync.getWorkerStatus(workerId);
    if (JSON.stringify(read) === JSON.stringify(value)) process.send!({ [workerId]: read });
  }
});
await memorySync.ready();
process.send!('ready');
await once(process, 'message');
await memorySync.shutdown();
process.disconnect();
