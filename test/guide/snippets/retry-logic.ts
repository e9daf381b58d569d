/** From the integration guide, as it stands there; wrapped into a function, which supplies its free names. */
import { MemorySyncManager } from 'memory-sync'

async function withRetry<T>(
  fn: () => Promise<T>,
  maxRetries = 3,
  delay = 1000
): Promise<T> {
  for (let i = 0; i < maxRetries; i++) {
    try {
      return await fn();
    } catch (error) {
      if (i === maxRetries - 1) throw error;
      await new Promise(resolve => setTimeout(resolve, delay * (i + 1)));
    }
  }
  throw new Error('Max retries reached');
}

export async function useRetry(memorySync: MemorySyncManager, taskId: string, state: any) {
  // Usage
  await withRetry(() =>
    memorySync.syncTaskState(taskId, state)
  );
}

export { withRetry }
