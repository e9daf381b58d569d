/**
 * The log: records of every kind, newest first, those that pass the filter. At its top it follows what comes in; scrolled down it stays
 * where it is. Owns only what is listed; the chosen record is told beside it.
 */
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { TraceRecord } from '../../../wire/trace-record.ts'
import type { App } from '../app.ts'
import { browser } from '../browser.ts'
import { matchesRecord, parseQuery, queryFields } from '../model/selectors.ts'
import type { PlacedRecord, SessionState } from '../model/session-state.ts'
import { EmptyState } from '../ui/empty-state.tsx'
import { clockText, countText } from '../ui/format.ts'
import { filterText } from '../ui/remembered.ts'
import { FilterField, Toolbar } from '../ui/toolbar.tsx'
import { VirtualList } from '../ui/virtual-list.tsx'
import { usePacedState } from './calm-state.ts'
import { queryHint } from './query-hint.ts'
import { RecordSearch } from './record-search.ts'
import { labelByType, recordText, toneOfRecord } from './record-text.ts'
import { sourceName } from './source-name.ts'

const rowPx = 24
/** With fewer found, older records are looked through without being asked for. */
const rowsMin = 100

export function LogPane({ app }: { readonly app: App }) {
  const filter = filterText('log')
  const text = filter.value
  const state = usePacedState(app)
  const query = useMemo(() => parseQuery(text), [text])
  const search = useMemo(
    () => new RecordSearch(app.recording, (record): record is TraceRecord => matchesRecord(query, record)),
    [app, query],
  )
  const { records, searchedFrom } = search.before(state.position)
  const isWhole = searchedFrom <= app.recording.firstPosition
  const [, setLooks] = useState(0)
  const lookBack = (): void => {
    search.goBack()
    setLooks((looks) => looks + 1)
  }
  const wantsMore = records.length < rowsMin && !isWhole
  useEffect(() => (wantsMore ? browser.onFrame(lookBack) : undefined))
  const selected = app.selectedPosition.value
  return (
    <>
      <Toolbar label="Log">
        <FilterField
          value={text}
          onChange={(value) => {
            filter.value = value
          }}
          placeholder="Filter: type:transition kind:task key:tasks/42 “some text”"
          count={`${countText(records.length)}${isWhole ? '' : '+'}`}
          hint={queryHint(query, queryFields)}
        />
      </Toolbar>
      {records.length === 0 ? (
        <Nothing state={state} isFiltered={text !== ''} />
      ) : (
        <VirtualList
          label="Records, newest first"
          class="log"
          rows={records}
          rowHeight={rowPx}
          rowKey={(placed) => String(placed.position)}
          selected={selected === null ? null : String(selected)}
          onSelect={(placed) => {
            app.selectedPosition.value = placed.position
          }}
          onOpen={(placed) => {
            app.position.value = placed.position + 1
          }}
          keepsPlace
          onEnd={isWhole ? undefined : lookBack}
          rowAttributes={({ record }) => ({ class: `log-row is-${toneOfRecord(record)}` })}
          renderRow={(placed) => <Row placed={placed} state={state} />}
        />
      )}
    </>
  )
}

function Row({ placed, state }: { readonly placed: PlacedRecord; readonly state: SessionState }) {
  const { record } = placed
  const { subject, text, news } = recordText(record)
  // Every key begins with it.
  const namespace = `${state.namespace}/`
  return (
    <>
      <span class="log-time">{clockText(record.atMs)}</span>
      <span class={`log-type is-${record.type.replace('.', '-')}`}>{labelByType[record.type]}</span>
      <span class="log-subject cut" title={subject}>
        {subject.startsWith(namespace) ? subject.slice(namespace.length) : subject}
      </span>
      <span class="log-text cut" title={news === undefined ? text : `${news} ${text}`}>
        {news !== undefined && <span class="log-news">{news}</span>}
        {text}
      </span>
      <span class="log-source cut">{sourceName(state, record.source)}</span>
    </>
  )
}

function Nothing({ state, isFiltered }: { readonly state: SessionState; readonly isFiltered: boolean }) {
  if (isFiltered && state.position > 0) {
    return (
      <EmptyState title="No record passes the filter">
        Words are looked for everywhere; <code>type:</code> <code>kind:</code> <code>address:</code> <code>event:</code>{' '}
        <code>key:</code> <code>source:</code> look in one place.
      </EmptyState>
    )
  }
  return (
    <EmptyState title="No records yet">
      Every event that an actor takes, every change of the memory and every fault is listed here as soon as a runtime works on
      this memory.
    </EmptyState>
  )
}
