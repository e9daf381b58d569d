/** From the integration guide, as it stands there; the import and the declarations below are added. */
import { MemorySyncManager } from 'memory-sync'

class AgentCoordinator {
  constructor(private memorySync: MemorySyncManager) {}

  async coordinateAgents(taskId: string, agents: string[]) {
    // Share task context with all agents
    const context = {
      taskId,
      agents,
      sharedState: {},
      startedAt: Date.now()
    };

    for (const agentId of agents) {
      await this.memorySync.syncAgentCoordination(taskId, agentId, {
        role: this.getAgentRole(agentId),
        context,
        status: 'ready'
      });
    }

    // Subscribe to agent updates
    const subId = this.memorySync.subscribe(
      `task-sentinel/tasks/${taskId}/agents/*`,
      {
        onChange: (key, value) => {
          console.log(`Agent update: ${key}`, value);
        }
      }
    );

    // Wait for all agents to complete
    await this.waitForCompletion(taskId, agents);

    // Cleanup
    this.memorySync.unsubscribe(subId);
  }

  private async waitForCompletion(taskId: string, agents: string[]) {
    while (true) {
      const statuses = await Promise.all(
        agents.map(agentId =>
          this.memorySync.getAgentCoordination(taskId, agentId)
        )
      );

      const allComplete = statuses.every(
        status => status?.status === 'completed'
      );

      if (allComplete) break;

      await new Promise(resolve => setTimeout(resolve, 1000));
    }
  }
}

interface AgentCoordinator {
  getAgentRole(agentId: string): string
}

export { AgentCoordinator }
