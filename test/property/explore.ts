import assert from 'node:assert/strict';
import { plan as planSandbox } from '../../src/plan/plan.ts';
import type { Step } from '../../src/plan/step.ts';
import { nameOf, names } from '../plan/given.ts';
import { endProblem } from './end.ts';
import { events } from './environment.ts';
import { judgeChange, judgePlan } from './safety.ts';
import { apply, created, finishPending, look, noMemory, repairNetwork, type State } from './simulation.ts';

/** Steps within which every sandbox must have come to rest: the longest way takes an old instance down and builds a new one. */
const mostSteps = 12;

interface Node {
  readonly state: State;
  /** What led here, for the message of a failure. */
  readonly path: readonly string[];
}

/** What the controller does next in a state, over all its sandboxes. */
interface Move {
  readonly what: string;
  readonly next: State;
  /** The step and its sandbox, where it is one of a plan. */
  readonly step?: { readonly step: Step; readonly name: string };
}

/** What an exploration went through. */
export interface Tally {
  readonly states: number;
  readonly moves: number;
  readonly longest: number;
}

/**
 * Goes from every world through everything that the controller does and that can happen around it, and checks on each way
 * that nothing unsafe happens and that the controller comes to rest, as declared, once nothing happens any more.
 */
export class Explorer {
  /** Steps to rest, of every state that was followed to its end. */
  readonly #rest = new Map<string, number>();
  /** The largest number of events that a state was left with. */
  readonly #left = new Map<string, number>();
  #moves = 0;
  #longest = 0;

  /** Explore everything within `budget` events. */
  explore(start: State, budget: number, label: string): void {
    const todo: (Node & { readonly left: number })[] = [{ state: start, path: [label], left: budget }];
    for (let node = todo.pop(); node; node = todo.pop()) {
      const key = keyOf(node.state);
      if ((this.#left.get(key) ?? -1) >= node.left) continue;
      this.#left.set(key, node.left);
      const move = this.#step(node);
      if (move) todo.push({ state: move.next, path: [...node.path, move.what], left: node.left });
      if (node.left === 0) continue;
      for (const next of this.#happenings(node, move)) todo.push({ ...next, left: node.left - 1 });
    }
  }

  /** One random way: up to `events` things happen at random moments. */
  walk(start: State, { happenings, random, label }: { happenings: number; random: () => number; label: string }): void {
    let node: Node = { state: start, path: [label] };
    let left = happenings;
    for (let count = 0; count < 100; count += 1) {
      const move = this.#step(node);
      const isEvent = left > 0 && random() < 0.3;
      if (!move && !isEvent) return;
      if (!isEvent) {
        node = { state: move!.next, path: [...node.path, move!.what] };
        continue;
      }
      const all = this.#happenings(node, move);
      node = all[Math.floor(random() * all.length)] ?? node;
      left -= 1;
    }
    throw new Error(`L1: no rest on ${node.path.join(' → ')}`);
  }

  get tally(): Tally {
    return { states: this.#left.size, moves: this.#moves, longest: this.#longest };
  }

  /** The controller's next move, after everything about it was checked. */
  #step(node: Node): Move | undefined {
    this.#rests(node);
    return this.#move(node);
  }

  /** Follow the controller alone to its rest. */
  #rests(node: Node): void {
    const keys: string[] = [];
    let { state, path } = node;
    const limit = mostSteps * Object.keys(state.desired).length;
    let known: number | undefined;
    for (;;) {
      const key = keyOf(state);
      known = this.#rest.get(key);
      if (known !== undefined) break;
      assert(!keys.includes(key), `L3: round in circles on ${path.join(' → ')}`);
      assert(keys.length <= limit, `L1: no rest on ${path.join(' → ')}`);
      keys.push(key);
      const move = this.#move({ state, path });
      if (!move) {
        this.#judgeEnd({ state, path });
        known = -1;
        break;
      }
      path = [...path, move.what];
      state = move.next;
    }
    for (const key of keys.toReversed()) this.#rest.set(key, (known += 1));
    this.#longest = Math.max(this.#longest, known);
    assert(known <= limit, `L1: ${known} steps to rest on ${path.join(' → ')}`);
  }

  #move({ state, path }: Node): Move | undefined {
    this.#moves += 1;
    for (const name of Object.keys(state.desired)) {
      const world = look(state, name);
      const made = planSandbox(world);
      guarded(path, () => judgePlan(world, made));
      const [step] = made.steps;
      if (!step) continue;
      const { state: next, refused } = apply(state, step, name);
      const what = `${name}: ${nameOf(step)}`;
      assert(refused === undefined, `L1: ${what} was refused (${refused}) on ${path.join(' → ')}`);
      guarded([...path, what], () => judgeChange(state, next));
      return { what, next, step: { step, name } };
    }
    const pending = state.instances.find((each) => each.pending);
    if (pending) return { what: `its creation ends (${pending.pending})`, next: finishPending(state, pending) };
    const repaired = repairNetwork(state);
    return keyOf(repaired) === keyOf(state) ? undefined : { what: 'network repaired', next: repaired };
  }

  #judgeEnd({ state, path }: Node): void {
    for (const name of Object.keys(state.desired)) {
      const plan = planSandbox(look(state, name));
      const again = planSandbox(look(state, name));
      const where = path.join(' → ');
      assert.deepEqual(names(plan), [], `L2: something is left to do on ${where}`);
      assert.deepEqual(again, plan, `L2: another plan for the same world on ${where}`);
      const problem = endProblem(state, name, plan);
      assert(problem === undefined, `L1: ${problem} at the end of ${where}`);
    }
  }

  /** Everything that may happen now: by itself, between the controller's look and its step, and in the midst of the step. */
  #happenings(node: Node, move: Move | undefined): Node[] {
    const { state, path } = node;
    const nodes: Node[] = [];
    const late = (after: State, what: string) => {
      if (!move?.step) return;
      const outcome = apply(after, move.step.step, move.step.name);
      guarded([...path, what, `late ${move.what}`], () => judgeChange(after, outcome.state));
      nodes.push({ state: outcome.state, path: [...path, what, `late ${move.what}`] });
    };
    for (const [what, event] of events) {
      const after = event(state);
      if (!after) continue;
      nodes.push({ state: after, path: [...path, what] });
      late(after, what);
    }
    if (move) late(move.next, `${move.what}, not seen,`);
    if (move?.step?.step.action.kind === 'create') {
      const { state: half } = created(state, move.step.step.action, false);
      nodes.push({ state: half, path: [...path, 'interrupted create'] });
      nodes.push({ state: { ...half, memory: noMemory }, path: [...path, 'crash during create'] });
    }
    return nodes;
  }
}

function guarded(path: readonly string[], judge: () => void): void {
  try {
    judge();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)} on ${path.join(' → ')}`, {
      cause: error,
    });
  }
}

function keyOf(state: State): string {
  return JSON.stringify(state);
}
