/** The process that one figure runs in. */
import type { Sizes } from './figure.ts'
import { figureByName } from './figures.ts'
import { servePeer } from './peer.ts'

servePeer({
  async run({ name, sizes }: { name: string; sizes: Sizes }) {
    const entry = figureByName.get(name)
    if (entry === undefined) throw new Error(`there is no figure ${JSON.stringify(name)}`)
    const runFigure = await entry.load()
    return runFigure(sizes)
  },
})
