/**
 * The memory pane: keys as a tree or, while something is looked for, as a list; beside it the chosen entry. Owns what is open in the tree
 * and which side of an entry is shown.
 */
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { keyTree } from '../model/selectors.ts'
import type { SessionState } from '../model/session-state.ts'
import { Badge } from '../ui/badge.tsx'
import { EmptyState } from '../ui/empty-state.tsx'
import { countOf, countText } from '../ui/format.ts'
import { filterText } from '../ui/remembered.ts'
import { SplitPane } from '../ui/split-pane.tsx'
import { FilterField, Toolbar } from '../ui/toolbar.tsx'
import { VirtualList } from '../ui/virtual-list.tsx'
import { KeyLine } from './key-line.tsx'
import { foundKeys, foundKeysMax, type KeyRow, keyRows, opened, toggled } from './key-rows.ts'
import { MemoryEntry } from './memory-entry.tsx'

const rowPx = 24

export function MemoryPane({ app }: { readonly app: App }) {
  const filter = filterText('memory')
  const state = app.state.value
  const tree = keyTree(state)
  const text = filter.value.trim()
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set())
  // A folder can be stood on too: the arrows go over both.
  const [cursor, setCursor] = useState<string | null>(null)
  const selected = app.selectedKey.value

  useEffect(() => {
    if (selected === null) return
    setTurned((before) => opened(selected, before))
    setCursor(selected)
  }, [selected])

  // The tree is another one only when keys come or go.
  const found = useMemo(() => (text === '' ? null : foundKeys(state.entries.keys(), text)), [tree, text])
  const rows = useMemo(() => found?.rows ?? keyRows(tree, turned), [tree, turned, found])

  const choose = (row: KeyRow): void => {
    setCursor(row.path)
    if (row.isKey) app.selectedKey.value = row.path
  }
  const turn = (row: KeyRow): void => setTurned((before) => toggled(row.path, before))
  return (
    <>
      <Toolbar label="Memory">
        <FilterField
          value={filter.value}
          onChange={(value) => {
            filter.value = value
          }}
          placeholder="Find keys"
          count={
            found === null ? countOf(tree.keys, 'key') : `${countText(found.rows.length + found.more)} of ${countText(tree.keys)}`
          }
        />
        {state.entriesDropped > 0 && (
          <Badge
            tone="warn"
            title="The page keeps a bounded number of keys: those that were not changed for the longest time went"
          >
            {countOf(state.entriesDropped, 'key')} not kept
          </Badge>
        )}
      </Toolbar>
      <SplitPane
        name="memory"
        label="Entry"
        sidePercent={56}
        main={
          rows.length === 0 ? (
            <Nothing state={state} text={text} />
          ) : (
            <>
              <VirtualList
                label="Keys"
                role={found === null ? 'tree' : 'listbox'}
                rows={rows}
                rowHeight={rowPx}
                rowKey={(row) => row.path}
                selected={cursor}
                onSelect={choose}
                onOpen={(row) => row.isOpen !== null && turn(row)}
                onRowKey={(key, row) => onArrow(key, row, { turn, stand: setCursor })}
                rowAttributes={(row) =>
                  found === null
                    ? { 'aria-level': row.depth + 1, ...(row.isOpen === null ? {} : { 'aria-expanded': row.isOpen }) }
                    : {}
                }
                renderRow={(row) => (
                  <KeyLine
                    row={row}
                    entry={state.entries.get(row.path)}
                    nowMs={app.nowMs.value}
                    hit={text}
                    onTurn={() => turn(row)}
                  />
                )}
              />
              {found !== null && found.more > 0 && (
                <p class="memory-more">The first {countText(foundKeysMax)} are listed. Say more of the key to see the others.</p>
              )}
            </>
          )
        }
        side={selected === null ? null : <MemoryEntry key={selected} app={app} memoryKey={selected} />}
        onClose={() => {
          app.selectedKey.value = null
        }}
      />
    </>
  )
}

/** Right opens, left closes or goes to the folder above. */
function onArrow(key: string, row: KeyRow, { turn, stand }: { turn(row: KeyRow): void; stand(path: string): void }): boolean {
  if (key === 'ArrowRight' && row.isOpen === false) turn(row)
  else if (key === 'ArrowLeft' && row.isOpen === true) turn(row)
  else if (key === 'ArrowLeft' && row.depth > 0) stand(row.path.slice(0, row.path.lastIndexOf('/')))
  else return false
  return true
}

function Nothing({ state, text }: { readonly state: SessionState; readonly text: string }) {
  if (text !== '' && state.entries.size > 0) {
    return (
      <EmptyState title={`No key has “${text}” in it`}>
        Keys are looked through, not values. Empty the field to see all of them.
      </EmptyState>
    )
  }
  return (
    <EmptyState title="No memory has been seen yet">
      Every key of the watched store is listed here, with all that was written to it since the watching began. Write one with{' '}
      <code>runtime.memory.set('greeting', 'hello')</code>, or submit a task.
    </EmptyState>
  )
}
