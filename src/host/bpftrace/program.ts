import { condition, type PathPattern } from './path-pattern.ts';

/**
 * Names of the fields of a system call's tracepoint, in order and without its number; undefined where this kernel has none
 * of that name.
 */
export type FieldsOf = (call: string) => readonly string[] | undefined;

/** How many records of a kind one namespace may have printed in a window of 250 ms. */
export interface Budgets {
  readonly exec: number;
  readonly file: number;
  readonly call: number;
  readonly stdio: number;
  /** Programs started in all namespaces together, beyond the first few of each. */
  readonly all: number;
}

/** What one namespace may have in every window whatever the others do. */
const fairShare = 64;

/**
 * Bytes of memory and of text in one record, for BPFTRACE_STRLEN. The stack of a BPF program has 512, and bpftrace lays a text there twice; how
 * much else there is depends on the compiler that it was built with.
 */
export const chunkBytes = 144;
/** Most records with words of one program. */
export const mostChunks = 14;
/** Ancestors that a record names. */
export const mostAncestors = 8;

/** Kinds of records with a budget each. */
const budgetOf = { E: 'exec', F: 'file', K: 'call', S: 'stdio' } as const;
type Kind = keyof typeof budgetOf;

/**
 * The program: what containers do, seen from tracepoints alone, because kernels without kprobes have them, too. Nothing of
 * the host's own processes is looked at beyond their level in the hierarchy of pid namespaces.
 *
 * Each event is a row of lines, one behind the other on its processor: `P` path, `W` words, `D` details, `A` ancestors, at the end the
 * kind with who it was; all begin with the thread's number. `O` says that a budget is used up. See `record.ts`.
 *
 * Words are read where the kernel has just laid them, in the new program's memory: whole, however short it lives, and with
 * nobody who could have changed them. Pieces have a fixed length and may reach into the environment behind: the last line tells how long the words
 * are, and `record.ts` drops the rest.
 *
 * @see proc_pid_stat(5) for what arg_start and arg_end are; bpf-helpers(7)
 */
export function programText(fields: FieldsOf, patterns: readonly PathPattern[], budgets: Budgets): string {
  const context = { fields, patterns, budgets };
  return [execProbe(budgets), ...fileProbes(context), ...stdioProbes(context), ...callProbes(context), housekeeping]
    .join('\n')
    .replaceAll(/^ +/gm, '');
}

interface Context {
  readonly fields: FieldsOf;
  readonly patterns: readonly PathPattern[];
  readonly budgets: Budgets;
}

/**
 * Namespaces come and go, and what a killed thread left is never fetched: tables start anew before they are full. `R` says that
 * all is attached, because this stands last, and then that the program is alive.
 */
const housekeeping = `
  interval:s:20 { clear(@n); clear(@w); clear(@late); clear(@wish); }
  interval:ms:250 { if (@beat % 20 == 0) { printf("R"); } @beat = @beat + 1; }`;

const isInside = 'curtask->thread_pid->level > 0';

/**
 * The pid namespace one level below the host's. `numbers` has no declared length since Linux 6.5 and one of 1 before, which
 * decides what is behind the structure: the host's own entry, or that of the level below already.
 */
const namespace = `
  $u = (struct upid *)((uint64)curtask->thread_pid + sizeof(struct pid));
  if ($u->ns->level == 0) { $u = (struct upid *)((uint64)$u + sizeof(struct upid)); }
  $ns = (uint64)$u->ns->ns.inum;`;

/** Ends the probe when the namespace has used up its budget, and says so at once and then every 256 times. */
function spend(kind: Kind, budgets: Budgets): string {
  const [number, limit] = [Object.keys(budgetOf).indexOf(kind), budgets[budgetOf[kind]]];
  const refuse = (over: string) => `
    if ((${over} & 255) == 1) { printf("O %lx %u ${kind} %lx %lu", (uint64)tid, $ns, $t, ${over}); }
    return;`;
  const own = `
    $t = nsecs / 250000000;
    if (@w[$ns, ${number}] != $t) { @w[$ns, ${number}] = $t; @n[$ns, ${number}] = 0; }
    @n[$ns, ${number}] += 1;
    $n = (uint64)@n[$ns, ${number}];
    if ($n > ${limit}) { $over = $n - ${limit}; ${refuse('$over')} }`;
  if (kind !== 'E') return own;
  return `${own}
    if (@w[0, ${number}] != $t) { @w[0, ${number}] = $t; @n[0, ${number}] = 0; }
    if ($n > ${fairShare}) {
      @n[0, ${number}] += 1;
      $all = (uint64)@n[0, ${number}];
      if ($all > ${budgets.all}) { $over = $n - ${fairShare}; ${refuse('$over')} }
    }`;
}

/** A process in one number: 32 bits each for its id and for when it started, in clock ticks as in /proc/PID/stat. */
const identity = (task: string) =>
  `((uint64)${task}->tgid << 32) | ((${task}->group_leader->start_boottime / 10000000) & 0xffffffff)`;

/** Ancestors, one line each, up to the one that is no longer in a container. */
const ancestors = `
  $k = curtask->group_leader;
  unroll(${mostAncestors}) {
    $k = $k->real_parent;
    if ($k->thread_pid->level > 0) { printf("A %lx %lx", (uint64)tid, ${identity('$k')}); }
  }`;

/** The last line of every event. @param values two numbers that depend on the kind */
function finish(kind: Kind, values: readonly [string, string]): string {
  return `${ancestors}
    printf("${kind} %lx %u %lx %u %lx %lx %s",
      (uint64)tid, $ns, ${identity('curtask')}, curtask->cred->euid.val, ${values.join(', ')}, comm);`;
}

/**
 * One record of the running program's memory from address $m on. What the kernel cannot read in one piece it does not give
 * at all, so near the end of the stack the piece begins earlier, and the line says how many bytes are too many.
 */
const chunk = (kind: 'P' | 'W') => `
  $skip = (uint64)0;
  if ($m + ${chunkBytes} > $end) { $skip = $m + ${chunkBytes} - $end; }
  printf("${kind} %lx %lu %rh", (uint64)tid, $skip, buf(uptr($m - $skip), ${chunkBytes}));`;

/** Behind the environment there is the path that was started, and with it the stack ends, and the page. */
const stackEnd = '$end = ((uint64)curtask->mm->env_end | 4095) + 1;';

/** Words of the running program, from its own memory. */
const words = (most: number) => `
  ${stackEnd}
  $m = (uint64)curtask->mm->arg_start;
  $l = (uint64)curtask->mm->arg_end - $m;
  unroll(${most}) {
    if ($m < (uint64)curtask->mm->arg_end) {
      ${chunk('W')}
      $m = $m + ${chunkBytes};
    }
  }`;

/**
 * Sets a variable to 1 when a descriptor is a socket that leads elsewhere: the families of IPv4, IPv6 and of machines'
 * hypervisors. Sockets of the unix family and pipes are everybody's plumbing, and one that listens (TCP_LISTEN) carries no commands:
 * daemons are handed theirs as descriptor 0.
 */
const socketAt = (descriptor: string, result: string) => `
  $table = curtask->files->fdt;
  if ($table->max_fds > ${descriptor}) {
    $file = (struct file *)*(uint64 *)((uint64)$table->fd + (uint64)${descriptor} * 8);
    if (((uint64)$file != 0) && (($file->f_inode->i_mode & 0xf000) == 0xc000)) {
      $socket = (struct socket *)$file->private_data;
      $family = $socket->sk->__sk_common.skc_family;
      if (($family == 2 || $family == 10 || $family == 40) && $socket->sk->__sk_common.skc_state != 10) { ${result} }
    }
  }`;

function execProbe(budgets: Budgets): string {
  return `
    tracepoint:sched:sched_process_exec /${isInside}/ {
      ${namespace}
      ${spend('E', budgets)}
      $m = (uint64)curtask->mm->env_end;
      ${stackEnd}
      ${chunk('P')}
      ${words(mostChunks)}
      $flags = (uint64)0;
      if (curtask->mm->exe_file->f_inode->i_nlink == 0) { $flags = 8; }
      if ($u->nr == 1) { $flags = $flags | 16; }
      ${[0, 1, 2].map((fd) => socketAt(String(fd), `$flags = $flags | ${1 << fd};`)).join('')}
      ${finish('E', ['$l', '$flags'])}
    }`;
}

/**
 * Ends the probe for what the container manager does inside before it starts a program there: a child of a process outside
 * which still runs the same executable.
 */
const notSetUp = `
  if (curtask->group_leader->real_parent->thread_pid->level == 0) {
    if ((uint64)curtask->mm->exe_file == (uint64)curtask->group_leader->real_parent->mm->exe_file) { return; }
  }`;

/** How calls that name files do so: positions of path and flags, or the access that they mean. */
const fileCalls: readonly (readonly [call: string, path: number, access: number | 'read' | 'write' | 'how'])[] = [
  ['open', 0, 1],
  ['openat', 1, 2],
  ['openat2', 1, 'how'],
  ['creat', 0, 'write'],
  ['rename', 1, 'write'],
  ['renameat', 3, 'write'],
  ['renameat2', 3, 'write'],
  ['link', 0, 'read'],
  ['link', 1, 'write'],
  ['linkat', 1, 'read'],
  ['linkat', 3, 'write'],
  ['symlink', 0, 'read'],
  ['symlink', 1, 'write'],
  ['symlinkat', 0, 'read'],
  ['symlinkat', 2, 'write'],
];

/** O_WRONLY, O_RDWR, O_CREAT, O_TRUNC. */
const writing = 0o1103;

function fileProbes({ fields, patterns, budgets }: Context): string[] {
  const always = condition(
    patterns.filter(({ on }) => on === 'any'),
    '$f',
  );
  const onWrite = condition(
    patterns.filter(({ on }) => on === 'write'),
    '$f',
  );
  const report = `
    ${namespace}
    ${notSetUp}
    ${spend('F', budgets)}
    printf("D %lx %s", (uint64)tid, str(uptr($f)));
    ${words(1)}
    ${finish('F', ['$l', '$access'])}`;
  const look = `
    $p0 = *(uint64 *)uptr($f);
    $p1 = *(uint64 *)uptr($f + 8);
    if (${always} || ($access != 0 && (${onWrite}))) { ${report} }`;
  const entered = fileCalls.flatMap(([call, path, access]) => {
    const names = fields(call);
    if (!names) return [];
    return [
      `tracepoint:syscalls:sys_enter_${call} /${isInside}/ {
        $f = (uint64)args->${names[path]};
        $access = (uint64)${accessOf(access, names)};
        ${look}
        ${opens.includes(call) ? 'if ($p0 == 0) { @late[tid] = $f; @wish[tid] = $access; }' : ''}
      }`,
    ];
  });
  const left = opens.filter((call) => fields(call)).map((call) => `tracepoint:syscalls:sys_exit_${call}`);
  return [
    ...entered,
    `${left.join(', ')} /@late[tid]/ {
      $f = (uint64)@late[tid];
      $access = (uint64)@wish[tid];
      delete(@late[tid]);
      delete(@wish[tid]);
      ${look}
    }`,
  ];
}

/** A path on a page that nobody has touched yet can be read only after the call itself has fetched it. */
const opens = ['open', 'openat', 'openat2'];

function accessOf(access: (typeof fileCalls)[number][2], names: readonly string[]): string {
  if (access === 'read') return '0';
  if (access === 'write') return '1';
  if (access === 'how') return `(*(uint64 *)uptr((uint64)args->${names[2]}) & ${writing})`;
  return `(args->${names[access]} & ${writing})`;
}

function stdioProbes({ fields, budgets }: Context): string[] {
  return ['dup2', 'dup3'].flatMap((call) => {
    const [from, to] = fields(call) ?? [];
    if (!from || !to) return [];
    return [
      `tracepoint:syscalls:sys_enter_${call} /args->${to} < 3 && ${isInside}/ {
        $from = (uint64)args->${from};
        $hit = 0;
        ${socketAt('$from', '$hit = 1;')}
        if ($hit == 1) {
          ${namespace}
          ${notSetUp}
          ${spend('S', budgets)}
          ${words(1)}
          ${finish('S', ['$l', `(uint64)args->${to}`])}
        }
      }`,
    ];
  });
}

/** A system call that is an event by itself: names of its tracepoint, the call that it is reported as, and its details. */
interface Reported {
  readonly call: string;
  readonly as: string;
  /** Positions of arguments that are text, in order. */
  readonly texts?: readonly number[];
  /** Position of one that is a number and matters. */
  readonly number?: number;
  /** Only these values of that number, as other ones are everyday work. */
  readonly only?: readonly number[];
}

/** PTRACE_ATTACH, PTRACE_SEIZE: a debugger that goes on steps without end, so its beginning is enough. */
const attaching = [16, 0x4206];

const reportedCalls: readonly Reported[] = [
  { call: 'mount', as: 'mount', texts: [0, 1, 2] },
  { call: 'fsopen', as: 'mount', texts: [0] },
  { call: 'open_tree', as: 'mount', texts: [1] },
  { call: 'move_mount', as: 'mount', texts: [1, 3] },
  { call: 'umount', as: 'umount', texts: [0] },
  { call: 'pivot_root', as: 'pivot_root', texts: [0, 1] },
  { call: 'setns', as: 'setns', number: 1 },
  { call: 'unshare', as: 'unshare', number: 0 },
  { call: 'ptrace', as: 'ptrace', number: 0, only: attaching },
  { call: 'init_module', as: 'init_module' },
  { call: 'finit_module', as: 'finit_module' },
  { call: 'bpf', as: 'bpf', number: 0 },
  { call: 'keyctl', as: 'keyctl', number: 0 },
  { call: 'open_by_handle_at', as: 'open_by_handle_at' },
  { call: 'process_vm_writev', as: 'process_vm_writev', number: 0 },
  { call: 'memfd_create', as: 'memfd_create', texts: [0] },
];

/** The call that a record names by its position. */
export const callNames = reportedCalls.map(({ as }) => as);

function callProbes({ fields, budgets }: Context): string[] {
  return reportedCalls.flatMap(({ call, texts = [], number, only }, index) => {
    const names = fields(call);
    if (!names) return [];
    const value = number === undefined ? '(uint64)0' : `((uint64)args->${names[number]} & 0xffffffff)`;
    const wanted = only ? ` && (${only.map((each) => `${value} == ${each}`).join(' || ')})` : '';
    const details = texts.map((at) => `printf("D %lx %s", (uint64)tid, str(uptr((uint64)args->${names[at]})));`);
    return [
      `tracepoint:syscalls:sys_enter_${call} /${isInside}${wanted}/ {
        ${namespace}
        ${notSetUp}
        ${spend('K', budgets)}
        ${details.join('\n')}
        ${words(1)}
        ${finish('K', ['$l', `(${value} << 8) | ${index}`])}
      }`,
    ];
  });
}
