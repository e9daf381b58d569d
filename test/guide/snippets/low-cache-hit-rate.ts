/** From the integration guide, as it stands there; wrapped into a function, which supplies its free names. */
import { MemorySyncManager } from 'memory-sync'

export function lowCacheHitRate(manager: MemorySyncManager) {
  // Check cache effectiveness
  const metrics = manager.getMetrics();
  const hitRate = metrics.cacheHits / (metrics.cacheHits + metrics.cacheMisses);
  console.log('Cache hit rate:', hitRate);

  // Consider:
  // 1. Increasing cache size
  // 2. Preloading frequently accessed data
  // 3. Adjusting TTL values
  return hitRate
}
