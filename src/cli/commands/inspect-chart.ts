/** `inspect chart`: the charts that this package runs, as Mermaid. Opens no memory. */
import { Argument, type Command } from 'commander'
import { batchWriterMachine } from '../../../machines/batch-writer.ts'
import { circuitBreakerMachine } from '../../../machines/circuit-breaker.ts'
import { lockMachine } from '../../../machines/lock.ts'
import { syncMachine } from '../../../machines/sync.ts'
import { taskMachine } from '../../../machines/task.ts'
import { workerMachine } from '../../../machines/worker.ts'
import { readChart } from '../../trace/chart-reader.ts'
import { mermaidChart } from '../../wire/mermaid-chart.ts'
import { command } from '../documented.ts'
import type { Cli } from '../session.ts'

const machines = [taskMachine, workerMachine, lockMachine, batchWriterMachine, syncMachine, circuitBreakerMachine]

export function inspectChartCommand({ output }: Cli): Command {
  return command('chart', 'Print a chart as Mermaid.', {
    details: `
Every state and every edge, as this version runs them. "all" prints a Markdown document.
With --json every line is a chart as data.`,
    examples: [
      ['inspect chart task', 'the life of a task'],
      ['inspect chart all > charts.md', 'all of them'],
    ],
  })
    .addArgument(new Argument('<name>', 'which').choices([...machines.map(({ id }) => id), 'all']))
    .option('--mermaid', 'as Mermaid (default)')
    .action(async (name: string) => {
      for (const machine of machines) {
        if (name !== 'all' && machine.id !== name) continue
        const chart = readChart(machine)
        if (output.isJson) await output.json(chart)
        else
          await output.line(
            name === 'all' ? `## ${machine.id}\n\n\`\`\`mermaid\n${mermaidChart(chart)}\n\`\`\`\n` : mermaidChart(chart),
          )
      }
    })
}
