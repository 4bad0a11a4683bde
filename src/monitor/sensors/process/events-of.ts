import { isWatched } from '../../../host/bpftrace/path-pattern.ts';
import type { Trace } from '../../../host/bpftrace/record.ts';
import { insideId } from '../../../host/process/process-facts.ts';
import { watchedCalls, type ProcessSummary, type SensorEvent, type WatchedCall } from '../../event.ts';
import { boundedWords } from './bounded.ts';
import { callDetails } from './call-details.ts';
import type { RunningSandbox } from './sandboxes.ts';
import { watchedPaths } from './watched-paths.ts';

/** A trace, and when it came, in milliseconds since 1970. */
export interface TimedTrace {
  readonly at: number;
  readonly trace: Trace;
}

/** What a trace says about its sandbox; the table learns from it. Nothing where it turns out not to matter. */
export function eventsOf(sandbox: RunningSandbox, { at, trace }: TimedTrace): SensorEvent[] {
  const seen = { uid: sandbox.uid, at, ...summaryOf(sandbox, trace), parents: sandbox.table.parents(trace.ancestors) };
  switch (trace.kind) {
    case 'exec':
      return [
        {
          kind: 'exec',
          ...seen,
          ...(trace.areWordsCut || boundedWords(trace.words).isCut ? { isTruncated: true } : {}),
          ...(trace.isNameless ? { isNameless: true } : {}),
        },
        ...trace.sockets.map((descriptor) => ({
          kind: 'stdio' as const,
          ...seen,
          descriptor,
          isFromStart: true as const,
        })),
      ];
    case 'stdio':
      return [{ kind: 'stdio', ...seen, descriptor: trace.value }];
    case 'file': {
      const [path = ''] = trace.details;
      const access = trace.value === 0 ? 'read' : 'write';
      return isWatched(watchedPaths, path, access) ? [{ kind: 'file', ...seen, path, access }] : [];
    }
    case 'call':
      return isWatchedCall(trace.call)
        ? [{ kind: 'call', ...seen, call: trace.call, details: callDetails(trace) }]
        : [];
  }
}

function isWatchedCall(call: string): call is WatchedCall {
  return (watchedCalls as readonly string[]).includes(call);
}

function summaryOf({ table, users }: RunningSandbox, trace: Trace): ProcessSummary {
  const user = insideId(users, trace.user);
  const identity = {
    pid: trace.process.pid,
    ppid: trace.ancestors[0]?.pid ?? 0,
    name: trace.name,
    ...(user === undefined ? {} : { user }),
  };
  const { words } = boundedWords(trace.words);
  if (trace.kind === 'exec') {
    const summary = { ...identity, program: trace.path, words };
    table.set(trace.process, summary);
    return summary;
  }
  // What it was started with is believed rather than its memory, which it may have changed since.
  const known = table.get(trace.process);
  return { program: '', words, ...known, ...identity };
}
