/** `explain`: why a task is where it is. */
import type { Command } from 'commander'
import { systemClock } from '../../platform.ts'
import type { Explanation } from '../../runtime/explain.ts'
import { readWorkers } from '../../wire/worker-documents.ts'
import { command, optionsOf } from '../documented.ts'
import { takes } from '../records.ts'
import { type Cli, requireTask, withSession } from '../session.ts'
import { formatDuration, printable } from '../table.ts'

export function explainCommand(cli: Cli): Command {
  return command('explain', 'Say why a task is where it is.', {
    examples: [
      ['explain t1', 'what it waits for, who runs it, why it failed'],
      ['explain t1 --json | jq -r .reason', 'the sentence alone'],
    ],
  })
    .argument('<task>', 'its id')
    .action(async (id: string, _given: unknown, self: Command) => {
      await withSession(cli, optionsOf(self), async (session) => {
        await requireTask(session, id)
        const explained = await session.runtime.explain(id)
        const explanation = { ...explained, reason: withoutThisProcess(explained.reason) }
        const workers = await readWorkers(session.runtime.memory, session.keys, systemClock.wallMs())
        const takers = workers.filter((worker) => takes(worker, explanation.type)).map((worker) => worker.id)
        if (cli.output.isJson) await cli.output.json({ ...explanation, takers })
        else for (const line of linesOf(explanation, takers)) await cli.output.line(printable(line))
      })
    })
}

/** That the command itself has no workers explains nothing; which workers there are is told from their documents. */
function withoutThisProcess(reason: string): string {
  return reason.replace(/; no worker of this process takes the type .*$/s, '')
}

function linesOf(explanation: Explanation, takers: readonly string[]): string[] {
  const { id, state, reason, type, attempts, maxAttempts, epoch, owner, error, cancelRequested } = explanation
  const facts: [string, string][] = [
    ['type', type ?? 'none: it waits for a claim from outside'],
    ['attempts', `${attempts} of ${maxAttempts}`],
    ['epoch', String(epoch)],
  ]
  if (owner !== null) facts.push(['owner', owner])
  if (explanation.leaseLeftMs !== null) facts.push(['lease', `${formatDuration(explanation.leaseLeftMs)} left`])
  if (explanation.delayLeftMs !== null) facts.push(['delay', `${formatDuration(explanation.delayLeftMs)} left`])
  for (const dependency of explanation.dependencies) facts.push(['depends on', `${dependency.id} (${dependency.status})`])
  if (error !== null) facts.push(['last error', `${error.name}: ${error.message}`])
  if (cancelRequested !== null) facts.push(['cancel', cancelRequested])
  for (const { worker, epoch: lost, atMs } of explanation.takeovers) {
    facts.push(['taken over', `from ${worker}, epoch ${lost}, at ${new Date(atMs).toISOString()}`])
  }
  const isWaiting = state === 'pending' || state === 'blocked' || state === 'backingOff'
  if (isWaiting && type !== null) {
    const names = takers.slice(0, takersShownMax).join(', ')
    const more = takers.length > takersShownMax ? ` and ${takers.length - takersShownMax} more` : ''
    facts.push(['workers', takers.length === 0 ? 'none takes this type at the moment' : `${names}${more} take this type`])
  }
  return [`task ${id} is ${stateText[state] ?? state}: ${reason}`, ...facts.map(([name, text]) => `  ${name.padEnd(12)}${text}`)]
}

const takersShownMax = 5

const stateText: Readonly<Partial<Record<Explanation['state'], string>>> = { backingOff: 'backing off' }
