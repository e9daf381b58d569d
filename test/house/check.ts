/**
 * Checks sources against the rules of the house and answers with faults in words. Knows neither the rules themselves
 * (`house.test.ts`) nor where the sources come from.
 */
import { posix } from 'node:path'
import { type Scan, scan } from './scan.ts'

/** A file, or a folder when it ends with a slash. */
export type Place = string

export interface Room {
  /** Names of the rooms that it may import, besides itself. */
  readonly imports: readonly string[]
  /** Packages; an array of places limits one to these files of the room. */
  readonly packages?: readonly string[] | Readonly<Record<string, readonly Place[]>>
  /** Modules of Node; `'any'`: all but its test runner. */
  readonly node?: readonly string[] | 'any'
}

export interface ForbiddenName {
  readonly what: string
  readonly pattern: RegExp
  readonly allowedIn: readonly Place[]
  /** Where it is looked for. Default: everywhere. */
  readonly only?: readonly Place[]
}

export interface Rules {
  /** Files that load modules of the user's: their specifiers are not the house's. */
  readonly loadersOfUserCode?: readonly string[]
  /** The first place that fits decides which room a file belongs to. */
  readonly roomByPlace: readonly (readonly [Place, string])[]
  readonly rooms: Readonly<Record<string, Room>>
  /** Who may import a place, whatever its room. */
  readonly importersByPlace: Readonly<Record<Place, readonly Place[]>>
  /** Files here may import, of the other place, the file of their own name and what is shared. */
  readonly twins: readonly { readonly place: Place; readonly of: Place; readonly shared: readonly Place[] }[]
  readonly forbiddenNames: readonly ForbiddenName[]
}

interface File {
  readonly path: string
  readonly source: string
  readonly room: string | null
  readonly scan: Scan
}

/** @param sources by path from the top of the project, with forward slashes. */
export function checkHouse(sources: ReadonlyMap<string, string>, rules: Rules): string[] {
  const faults: string[] = []
  const importsByPath = new Map<string, string[]>()
  for (const [path, source] of sources) {
    const room = rules.roomByPlace.find(([place]) => isAt(path, place))?.[1] ?? null
    const file: File = { path, source, room, scan: scan(source) }
    if (room === null) faults.push(`${path}: belongs to no room of the table`)
    if (!/^(#![^\n]*\n)?\/\*\*/.test(source)) faults.push(`${path}: does not begin with a comment that says what it owns`)
    importsByPath.set(path, checkImports(file, sources, rules, faults))
    checkNames(file, rules, faults)
  }
  for (const cycle of cyclesOf(importsByPath)) faults.push(`import cycle: ${cycle.join(' -> ')}`)
  return faults
}

function isAt(path: string, place: Place): boolean {
  return place.endsWith('/') ? path.startsWith(place) : path === place
}

/** @returns the files of the house that this one imports. */
function checkImports(file: File, sources: ReadonlyMap<string, string>, rules: Rules, faults: string[]): string[] {
  const imported: string[] = []
  for (const { specifier, line } of file.scan.imports) {
    const fault = (reason: string) => faults.push(`${file.path}:${line}: imports ${JSON.stringify(specifier)}: ${reason}`)
    if (specifier === null) {
      if (!(rules.loadersOfUserCode ?? []).includes(file.path)) fault('a computed specifier cannot be checked')
    } else if (!specifier.startsWith('.')) {
      const reason = packageFault(specifier, file, rules)
      if (reason !== null) fault(reason)
    } else {
      const target = posix.join(posix.dirname(file.path), specifier)
      if (sources.has(target)) imported.push(target)
      const reason = sources.has(target)
        ? houseFault(target, file, rules)
        : 'no such source; relative imports name the file, with .ts'
      if (reason !== null) fault(reason)
    }
  }
  return imported
}

function houseFault(target: string, file: File, rules: Rules): string | null {
  if (posix.basename(target) === 'index.ts') return 'nobody inside imports an index'
  for (const [place, importers] of Object.entries(rules.importersByPlace)) {
    if (isAt(target, place) && !importers.some((importer) => isAt(file.path, importer))) {
      return `only ${importers.join(', ')} may import ${place}`
    }
  }
  for (const { place, of, shared } of rules.twins) {
    const isForeign = posix.basename(target) !== posix.basename(file.path) && !shared.includes(target)
    if (isAt(file.path, place) && isAt(target, of) && isForeign) return `a file of ${place} uses only its own of ${of}`
  }
  const room = rules.roomByPlace.find(([place]) => isAt(target, place))?.[1]
  if (file.room === null || room === undefined || room === file.room) return null
  return rules.rooms[file.room]?.imports.includes(room) === true ? null : `${file.room} may not import ${room}`
}

function packageFault(specifier: string, file: File, rules: Rules): string | null {
  const room = file.room === null ? undefined : rules.rooms[file.room]
  if (room === undefined) return null
  if (specifier.startsWith('node:')) {
    const isAllowed = room.node === 'any' ? !specifier.startsWith('node:test') : room.node?.includes(specifier) === true
    return isAllowed ? null : `${file.room} may not use this module of Node`
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const { packages = [] } = room
  if (isList(packages)) return packages.includes(name) ? null : `${file.room} may not use this package`
  const places = packages[name]
  if (places?.some((place) => isAt(file.path, place)) === true) return null
  return places === undefined ? `${file.room} may not use this package` : `only ${places.join(', ')} may use this package`
}

function isList(packages: NonNullable<Room['packages']>): packages is readonly string[] {
  return Array.isArray(packages)
}

function checkNames({ path, scan: { code, lineOf } }: File, rules: Rules, faults: string[]): void {
  for (const { what, pattern, allowedIn, only } of rules.forbiddenNames) {
    if (allowedIn.some((place) => isAt(path, place))) continue
    if (only !== undefined && !only.some((place) => isAt(path, place))) continue
    for (const match of code.matchAll(pattern)) faults.push(`${path}:${lineOf(match.index)}: uses ${what} (${match[0].trim()})`)
  }
}

/** One cycle for each import that closes one, as the files along it. */
function cyclesOf(importsByPath: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = []
  const finished = new Set<string>()
  const way: string[] = []
  const visit = (path: string): void => {
    const closes = way.indexOf(path)
    if (closes !== -1) cycles.push([...way.slice(closes), path])
    if (closes !== -1 || finished.has(path)) return
    way.push(path)
    for (const next of importsByPath.get(path) ?? []) visit(next)
    way.pop()
    finished.add(path)
  }
  for (const path of importsByPath.keys()) visit(path)
  return cycles
}
