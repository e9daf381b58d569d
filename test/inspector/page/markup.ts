/** Turns what a component without hooks gives into markup, so that tests can read it without a browser. */
import type { ComponentChildren, VNode } from 'preact'

/** Members that are told to the browser's objects, not written into markup. */
const unwritten = new Set(['children', 'key', 'ref'])

export function markupOf(given: ComponentChildren): string {
  if (given === null || given === undefined || typeof given === 'boolean') return ''
  if (Array.isArray(given)) return given.map(markupOf).join('')
  if (typeof given !== 'object') return escaped(String(given))
  const { type, props } = given as VNode<Record<string, unknown>>
  const children = props.children as ComponentChildren
  if (typeof type === 'function') return markupOf((type as (props: object) => ComponentChildren)(props))
  const attributes = Object.entries(props)
    .filter(([name, value]) => !unwritten.has(name) && typeof value !== 'function' && value !== undefined && value !== false)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
  return `<${type}${attributes.join('')}>${markupOf(children)}</${type}>`
}

/** Values of an attribute, in the order of the markup. */
export function attributeValues(markup: string, name: string): string[] {
  return [...markup.matchAll(new RegExp(` ${name}="([^"]*)"`, 'g'))].map(([, value = '']) => unescaped(value))
}

const entityByCharacter: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entityByCharacter[character] ?? '')
}

function unescaped(text: string): string {
  return Object.entries(entityByCharacter).reduceRight((done, [character, entity]) => done.replaceAll(entity, character), text)
}
