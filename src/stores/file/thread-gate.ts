/**
 * Keeps a process that exits from ending the store's thread in the middle of a transaction. lmdb's binding would wait for a
 * lock that the thread itself holds, and the exit would hang. So an exiting process closes the gate and waits until the thread is out
 * of its transaction (ran: without it 5 of 12 busy exits hung). Shared memory, because an exiting process gets no messages.
 *
 * - G1 the thread begins no transaction once the gate is closed
 */

const busy = 0
const closed = 1

/** A transaction takes milliseconds, unless another process holds the writer's lock. */
const exitWaitMsMax = 3000

export function createGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
}

/** In the thread, around each transaction. False: the process is exiting, do nothing more. */
export function enter(gate: Int32Array): boolean {
  // First busy, then the look: the exiting side does it in the opposite order, so one of them sees the other.
  Atomics.store(gate, busy, 1)
  if (Atomics.load(gate, closed) === 0) return true
  leave(gate)
  return false
}

export function leave(gate: Int32Array): void {
  Atomics.store(gate, busy, 0)
  Atomics.notify(gate, busy)
}

const gates = new Set<Int32Array>()

/** In the process, while the thread lives. */
export function guardExit(gate: Int32Array): void {
  if (gates.size === 0) process.on('exit', closeAll)
  gates.add(gate)
}

export function unguardExit(gate: Int32Array): void {
  if (gates.delete(gate) && gates.size === 0) process.off('exit', closeAll)
}

function closeAll(): void {
  for (const gate of gates) Atomics.store(gate, closed, 1)
  for (const gate of gates) Atomics.wait(gate, busy, 1, exitWaitMsMax)
}
