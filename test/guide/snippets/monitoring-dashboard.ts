/** From the integration guide, as it stands there; the import and the declarations below are added. */
import { MemorySyncManager } from 'memory-sync'

class MonitoringDashboard {
  constructor(private memorySync: MemorySyncManager) {}

  async startMonitoring() {
    // Subscribe to all state changes
    this.memorySync.subscribe('task-sentinel/tasks/*/state', {
      onChange: (key, value) => {
        this.updateTaskDisplay(key, value);
      }
    });

    this.memorySync.subscribe('task-sentinel/workers/*/status', {
      onChange: (key, value) => {
        this.updateWorkerDisplay(key, value);
      }
    });

    // Periodic metrics update
    setInterval(() => {
      this.updateMetrics();
    }, 1000);
  }

  private updateMetrics() {
    const metrics = this.memorySync.getMetrics();

    console.log('Memory Sync Metrics:', {
      operations: {
        reads: metrics.reads,
        writes: metrics.writes,
        syncs: metrics.syncs
      },
      cache: {
        hits: metrics.cacheHits,
        misses: metrics.cacheMisses,
        hitRate: (metrics.cacheHits / (metrics.cacheHits + metrics.cacheMisses)) * 100
      },
      conflicts: metrics.conflicts,
      pending: metrics.pendingWrites,
      subscriptions: metrics.subscriptions
    });
  }
}

interface MonitoringDashboard {
  updateTaskDisplay(key: string, value: any): void
  updateWorkerDisplay(key: string, value: any): void
}

export { MonitoringDashboard }
