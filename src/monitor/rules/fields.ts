import type {
  CallEvent,
  ConnectionEvent,
  EventKind,
  ExecEvent,
  FileEvent,
  NameEvent,
  ProcessSummary,
  SensorEvent,
  StdioEvent,
  TmpEvent,
  UnseenEvent,
  VolumeEvent,
} from '../event.ts';
import {
  domainOf,
  entropyOf,
  longestLabel,
  namesOf,
  ownNameOf,
  pathsOf,
  plainName,
  scriptOf,
  type Facts,
} from './facts.ts';

import { isOfSystemd } from './of-systemd.ts';

/** What a field holds; it decides which operators it has. */
export type FieldType = 'text' | 'number' | 'flag' | 'address';

/** Something of an event that conditions can ask for. */
export interface Field {
  readonly type: FieldType;
  readonly kinds: readonly EventKind[];
  /** Its values: a test holds when it holds for one of them. Empty where it is not known. */
  readonly read: (facts: Facts) => readonly (string | number | boolean)[];
  /** It is an amount, a number of a process or a whole command line: no part of a cause. */
  readonly isUnstable?: true;
}

const processes = ['exec', 'stdio', 'file', 'call'] as const;

function ofKind<Event extends SensorEvent>(
  type: FieldType,
  kind: Event['kind'],
  read: (event: Event, facts: Facts) => string | number | boolean | readonly string[] | undefined,
): Field {
  return { type, kinds: [kind], read: (facts) => listOf(read(facts.event as Event, facts)) };
}

function ofProcess(type: FieldType, read: Field['read'], more: Pick<Field, 'isUnstable'> = {}): Field {
  return { type, kinds: processes, read, ...more };
}

function listOf(
  value: string | number | boolean | readonly string[] | undefined,
): readonly (string | number | boolean)[] {
  if (value === undefined) return [];
  return typeof value === 'object' ? value : [value];
}

const word = (index: number) => ofProcess('text', ({ process }) => listOf(process?.words[index]), { isUnstable: true });
const exec = (read: (event: ExecEvent) => boolean) => ofKind<ExecEvent>('flag', 'exec', read);
const call = (read: (event: CallEvent) => string | readonly string[]) => ofKind<CallEvent>('text', 'call', read);
const unstable = (field: Field): Field => ({ ...field, isUnstable: true });
const ofVolume = (read: (event: VolumeEvent) => number) => unstable(ofKind<VolumeEvent>('number', 'volume', read));

const pathOf = ({ program }: ProcessSummary) => program;

/** All fields by the names that rules use. */
export const fields: Readonly<Record<string, Field>> = {
  program: ofProcess('text', (facts) => facts.names),
  executable: ofProcess('text', ({ process }) => listOf(process?.program)),
  'of-systemd': ofProcess('flag', ({ process }) => listOf(process && isOfSystemd(process.program))),
  script: ofProcess('text', ({ process }) => (process ? scriptOf(process) : [])),
  words: ofProcess('text', (facts) => facts.words, { isUnstable: true }),
  'word-1': word(1),
  'word-2': word(2),
  'word-3': word(3),
  'word-count': ofProcess('number', ({ process }) => listOf(process?.words.length), { isUnstable: true }),
  line: ofProcess('text', (facts) => [facts.line], { isUnstable: true }),
  code: ofProcess('text', (facts) => facts.code, { isUnstable: true }),
  user: ofProcess('number', ({ process }) => listOf(process?.user)),
  parent: ofProcess('text', ({ event }) => ('parents' in event ? event.parents.slice(0, 1).flatMap(namesOf) : [])),
  parents: ofProcess('text', ({ event }) => ('parents' in event ? event.parents.flatMap(namesOf) : [])),
  'parent-executable': ofProcess('text', ({ event }) =>
    'parents' in event ? event.parents.slice(0, 1).map(pathOf) : [],
  ),
  'parents-executable': ofProcess('text', ({ event }) => ('parents' in event ? event.parents.map(pathOf) : [])),
  nameless: exec(({ isNameless }) => isNameless === true),
  truncated: exec(({ isTruncated }) => isTruncated === true),
  descriptor: ofKind<StdioEvent>('number', 'stdio', ({ descriptor }) => descriptor),
  'from-start': ofKind<StdioEvent>('flag', 'stdio', ({ isFromStart }) => isFromStart === true),
  path: ofKind<FileEvent>('text', 'file', ({ path }) => pathsOf(path)),
  access: ofKind<FileEvent>('text', 'file', ({ access }) => access),
  call: call((event) => event.call),
  details: call(({ details }) => details),
  proto: ofKind<ConnectionEvent>('text', 'connection', ({ proto }) => proto),
  address: ofKind<ConnectionEvent>('address', 'connection', ({ address }) => address),
  port: ofKind<ConnectionEvent>('number', 'connection', ({ port }) => port),
  verdict: ofKind<ConnectionEvent>('text', 'connection', ({ verdict }) => verdict),
  name: {
    type: 'text',
    kinds: ['connection', 'name'],
    read: ({ event }) =>
      'name' in event && (event.kind === 'name' || event.kind === 'connection') ? [plainName(event)] : [],
  },
  domain: ofKind<NameEvent>('text', 'name', (event) => domainOf(plainName(event))),
  type: ofKind<NameEvent>('text', 'name', ({ type }) => type.toUpperCase()),
  result: ofKind<NameEvent>('text', 'name', ({ result }) => result),
  'label-length': unstable(ofKind<NameEvent>('number', 'name', (event) => longestLabel(plainName(event)).length)),
  'label-entropy': unstable(ofKind<NameEvent>('number', 'name', (event) => entropyOf(longestLabel(plainName(event))))),
  'name-length': unstable(ofKind<NameEvent>('number', 'name', (event) => plainName(event).length)),
  'read-mb': ofVolume(({ readMb }) => readMb),
  'written-mb': ofVolume(({ writtenMb }) => writtenMb),
  'read-mb-per-second': ofVolume(({ readMb, seconds }) => (seconds > 0 ? readMb / seconds : 0)),
  'written-mb-per-second': ofVolume(({ writtenMb, seconds }) => (seconds > 0 ? writtenMb / seconds : 0)),
  'used-percent': unstable(ofKind<TmpEvent>('number', 'tmp', ({ usedPercent }) => usedPercent)),
  'used-mb': unstable(ofKind<TmpEvent>('number', 'tmp', ({ usedMb }) => usedMb)),
  sensor: ofKind<UnseenEvent>('text', 'unseen', ({ sensor }) => sensor),
  shared: ofKind<UnseenEvent>('flag', 'unseen', ({ isShared }) => isShared === true),
  count: unstable(ofKind<UnseenEvent>('number', 'unseen', ({ count }) => count)),
};

/** The field `program` of exceptions: what a program says its name is excepts nothing. */
export const ownProgram: Field = ofProcess('text', ({ process }) => (process ? ownNameOf(process) : []));
