/** From the integration guide, as it stands there; only the import path is changed. */
import { MemorySyncManager } from 'memory-sync';

// Initialize for your worker
const memorySync = new MemorySyncManager({
  workerId: 'worker-1',
  batchInterval: 100,      // Batch writes every 100ms
  heartbeatInterval: 5000, // Heartbeat every 5 seconds
  cacheSize: 1000          // Cache up to 1000 entries
});

// Start coordinating
await memorySync.syncWorkerStatus('worker-1', {
  state: 'active',
  tasks: [],
  capacity: 10
});
