/** From the integration guide, as it stands there; the import and the declarations below are added. */
import { MemorySyncManager } from 'memory-sync'

class Worker {
  private memorySync: MemorySyncManager;
  private workerId: string;

  async initialize() {
    this.workerId = `worker-${Date.now()}-${Math.random()}`;

    // Initialize memory sync
    this.memorySync = new MemorySyncManager({
      workerId: this.workerId,
      batchInterval: 100,
      heartbeatInterval: 5000
    });

    // Register worker
    await this.memorySync.syncWorkerStatus(this.workerId, {
      state: 'active',
      tasks: [],
      capacity: this.maxCapacity
    });

    // Subscribe to task assignments
    this.memorySync.subscribe('task-sentinel/coordination/assignments', {
      onChange: (key, value) => this.handleAssignment(value)
    });

    console.log(`Worker ${this.workerId} initialized`);
  }

  async shutdown() {
    // Update status
    await this.memorySync.syncWorkerStatus(this.workerId, {
      state: 'offline',
      tasks: [],
      capacity: 0
    });

    // Graceful shutdown
    await this.memorySync.shutdown();
  }
}

// Free names of the guide: a subclass supplies them.
interface Worker {
  maxCapacity: number
  handleAssignment(value: any): void
}

export { Worker }
