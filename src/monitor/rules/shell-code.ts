import {
  hasMore,
  isNext,
  readSubstitution,
  readWord,
  take,
  type ShellText,
  type Shown,
  type ShellWord,
} from './shell-word.ts';

/** How much of a text is looked at: no more than patterns see. */
const longest = 16_384;
/** Steps for each character: texts that are evaluated are gone through for each level. */
const stepsEach = 6;

const shell = /^(?:\S{0,64}\/)?(?:ba|da|z|k)?sh$/;
const keywords = new Set(['if', 'then', 'else', 'elif', 'do', 'while', 'until', '!', '{', 'time', 'coproc']);
/** What runs the words behind its own. */
const wrappers = new Set(
  'exec command builtin sudo doas env nohup timeout nice ionice setsid stdbuf unbuffer busybox'.split(' '),
);
const assignment = /^[A-Za-z_]\w*(?:\[[^\]]{0,64}\])?\+?=/;

/** Commands whose output goes to the next one. */
interface Pipeline extends Shown {
  /** One of them is a shell that carries out what it is given. */
  isCarriedOut: boolean;
  /** It begins with the end of a group of commands. */
  isBehindGroup: boolean;
}

/** A command as far as it was read. */
interface Command {
  name: string | undefined;
  /** With a shell: it has had `-c`, and the text behind it. */
  hasTextOption: boolean;
  /** It has had an option whose value is the next word. */
  hasOpenOption: boolean;
  /** It has had the text, or a file to run. */
  hasOperand: boolean;
  /** It carries out what it reads, whatever else it was given. */
  readsInput: boolean;
  /** With `eval` and `trap`: what they were given. */
  evaluated: string[];
}

interface HereDocument {
  readonly end: string;
  readonly isQuoted: boolean;
  readonly isIndented: boolean;
  readonly pipeline: Pipeline;
}

/**
 * What a shell itself does by a text of commands: the text without what it only hands on. Quoted arguments and here-documents
 * go to programs that print, search, write or commit them, and what these run in turn is judged when it is started. Kept is what
 * the shell carries out: commands, redirections, substitutions, `eval`, and all that is piped or handed to a shell.
 *
 * Takes a number of steps that grows with the length alone; a text that would need more is given back as it is.
 *
 * @see sh(1p), "Shell Command Language" of POSIX.1-2024
 */
export function shellCode(given: string): string {
  const text = given.slice(0, longest);
  const budget = { left: (text.length + 1) * stepsEach };
  const { bare } = readCommands({ text, at: 0, depth: 0, budget });
  return budget.left < 0 ? text : bare;
}

function readCommands(reader: ShellText): Shown {
  return new CommandReader(reader).read();
}

class CommandReader {
  readonly #reader: ShellText;
  readonly #pipelines: Pipeline[] = [];
  readonly #documents: HereDocument[] = [];
  #pipeline = this.#begin(false);
  #command = newCommand();
  #brackets = 0;
  #isAfterPipe = false;

  constructor(reader: ShellText) {
    this.#reader = reader;
  }

  read(): Shown {
    const start = this.#reader.at;
    while (hasMore(this.#reader)) {
      if (this.#reader.isInBrackets && this.#brackets === 0 && isNext(this.#reader, ')')) break;
      this.#step();
    }
    this.#endCommand();
    const isWhole = this.#pipelines.some((each) => each.isCarriedOut && each.isBehindGroup);
    const parts = this.#pipelines.map((each) => (isWhole || each.isCarriedOut ? each.raw : each.bare));
    return { raw: this.#reader.text.slice(start, this.#reader.at), bare: parts.join('') };
  }

  #step(): void {
    const reader = this.#reader;
    const sign = reader.text[reader.at]!;
    if (sign === '\n') this.#endLine();
    else if (/\s/.test(sign)) this.#add(take(reader, 1));
    else if (sign === '#') this.#skipComment();
    else if (isNext(reader, '((')) this.#readArithmetic();
    else if (/[;&|()]/.test(sign) && !isNext(reader, '&>')) this.#readOperator(sign);
    else if (/[<>&]/.test(sign) && !/^[<>]\($/.test(reader.text.slice(reader.at, reader.at + 2)))
      this.#readRedirection();
    else this.#readArgument(readWord(reader, readCommands));
  }

  #skipComment(): void {
    const end = this.#reader.text.indexOf('\n', this.#reader.at);
    this.#reader.at = end < 0 ? this.#reader.text.length : end;
  }

  /** Where `<<` begins no here-document. */
  #readArithmetic(): void {
    const end = this.#reader.text.indexOf('))', this.#reader.at);
    this.#add(take(this.#reader, end < 0 ? 2 : end + 2 - this.#reader.at));
    this.#pipeline = this.#begin(true);
  }

  #readOperator(sign: string): void {
    const isPipe = sign === '|' && !isNext(this.#reader, '||');
    this.#endCommand();
    this.#isAfterPipe = isPipe;
    if (isPipe) return this.#add(take(this.#reader, isNext(this.#reader, '|&') ? 2 : 1));
    const isDouble = isNext(this.#reader, sign + sign) && sign !== '(' && sign !== ')';
    this.#add(take(this.#reader, isDouble ? 2 : 1));
    if (sign === '(') this.#brackets += 1;
    if (sign === ')') this.#brackets = Math.max(0, this.#brackets - 1);
    this.#pipeline = this.#begin(sign === ')');
  }

  #endLine(): void {
    this.#endCommand();
    this.#add(take(this.#reader, 1));
    for (const document of this.#documents.splice(0)) this.#readDocument(document);
    if (!this.#isAfterPipe) this.#pipeline = this.#begin(false);
  }

  #readDocument({ end, isQuoted, isIndented, pipeline }: HereDocument): void {
    const reader = this.#reader;
    const start = reader.at;
    const bodyEnd = endOfDocument(reader, end, isIndented);
    const body = reader.text.slice(start, bodyEnd);
    const word: ShellWord = { raw: '', bare: '', value: '', isQuoted };
    const within = { ...reader, text: body, at: 0 };
    if (isQuoted) within.at = body.length;
    while (hasMore(within)) {
      if (isNext(within, '\\')) within.at += 2;
      else if (!readSubstitution(within, word, readCommands)) within.at += 1;
    }
    pipeline.raw += `${body}\n`;
    pipeline.bare += `${word.bare}\n`;
  }

  #readRedirection(): void {
    const reader = this.#reader;
    const [operator] = /^(?:<<<|<<-?|&>>?|[<>]&|<>|>>|>\||[<>&])/.exec(reader.text.slice(reader.at, reader.at + 3))!;
    this.#add(take(reader, operator.length));
    while (/[ \t]/.test(reader.text[reader.at] ?? '') && hasMore(reader)) this.#add(take(reader, 1));
    const word = readWord(reader, readCommands);
    if (operator === '<<' || operator === '<<-') {
      const isIndented = operator === '<<-';
      this.#documents.push({ end: word.value, isQuoted: word.isQuoted, isIndented, pipeline: this.#pipeline });
    }
    this.#addShown(operator === '<<<' ? word : { raw: word.raw, bare: word.raw });
  }

  #readArgument(word: ShellWord): void {
    const command = this.#command;
    this.#isAfterPipe = false;
    if (command.name === undefined) return this.#readName(word);
    if (command.name === 'eval' || command.name === 'trap') {
      command.evaluated.push(word.value);
      this.#pipeline.raw += word.raw;
    } else if (['source', '.', 'alias'].includes(command.name)) this.#add(word.raw);
    else if (shell.test(command.name)) this.#readOfShell(word);
    else this.#addShown(word);
  }

  #readName(word: ShellWord): void {
    if (assignment.test(word.value)) return this.#addShown(word);
    this.#add(word.raw);
    // Options of what runs others, and how long it may take.
    if (keywords.has(word.value) || wrappers.has(word.value) || /^(?:-|\d+[smhd]?$)/.test(word.value)) return;
    if (/^(?:\}|done|fi|esac)$/.test(word.value)) this.#pipeline.isBehindGroup = true;
    this.#command.name = word.value;
  }

  #readOfShell(word: ShellWord): void {
    const command = this.#command;
    if (command.hasOpenOption) {
      command.hasOpenOption = false;
      return this.#add(word.raw);
    }
    if (/^[-+]/.test(word.value) && !command.hasOperand) return this.#readOption(word);
    const isText = command.hasTextOption && !command.hasOperand;
    command.hasOperand ||= !/^\/dev\/(?:stdin|fd\/0)$/.test(word.value);
    if (isText) this.#addShown({ raw: word.raw, bare: this.#evaluate(word.value) });
    else this.#add(word.raw);
  }

  #readOption(word: ShellWord): void {
    const command = this.#command;
    command.hasTextOption ||= /^-[a-zA-Z]*c/.test(word.value);
    command.readsInput ||= /^-[a-zA-Z]*s/.test(word.value);
    command.hasOpenOption = isOpenOption(word.value);
    this.#add(word.raw);
  }

  #endCommand(): void {
    const { name, evaluated, hasOperand, readsInput } = this.#command;
    if (evaluated.length > 0) this.#pipeline.bare += this.#evaluate(evaluated.join(' '));
    if (name !== undefined && shell.test(name) && (readsInput || !hasOperand)) this.#pipeline.isCarriedOut = true;
    this.#command = newCommand();
  }

  /** A text that is carried out, and what substitutions in it print as well. */
  #evaluate(text: string): string {
    const { depth, budget } = this.#reader;
    // What comes from a substitution is carried out, whoever prints it there.
    if (depth >= 6 || /^\s*(?:\$\(|`)/.test(text)) return text;
    return ` ${readCommands({ text, at: 0, depth: depth + 1, budget }).bare} `;
  }

  #begin(isBehindGroup: boolean): Pipeline {
    const pipeline = { raw: '', bare: '', isCarriedOut: false, isBehindGroup };
    this.#pipelines.push(pipeline);
    return pipeline;
  }

  #add(text: string): void {
    this.#addShown({ raw: text, bare: text });
  }

  #addShown({ raw, bare }: Shown): void {
    this.#pipeline.raw += raw;
    this.#pipeline.bare += bare;
  }
}

function newCommand(): Command {
  const none = { hasTextOption: false, hasOpenOption: false, hasOperand: false, readsInput: false };
  return { name: undefined, ...none, evaluated: [] };
}

/** An option of a shell that the next word belongs to. */
function isOpenOption(word: string): boolean {
  return /^(?:[-+][a-zA-Z]*[oO]|--(?:rcfile|init-file))$/.test(word);
}

/**
 * What a shell was given to do by its words: the text behind `-c`, see {@link shellCode}, and what it is handed with that. Nothing
 * when it runs a file, whose text is not among them.
 */
export function codeOfShell(words: readonly string[]): string {
  let hasTextOption = false;
  for (let at = 1; at < words.length; at += 1) {
    const word = words[at]!;
    if (/^[-+]/.test(word)) {
      hasTextOption ||= /^-[a-zA-Z]*c/.test(word);
      if (isOpenOption(word)) at += 1;
    } else {
      if (!hasTextOption) return '';
      const code = shellCode(word);
      // `sh -c 'eval "$1"' name TEXT`
      return /\beval\b|\$[{@*\d]/.test(code) ? [code, ...words.slice(at + 1)].join(' ').slice(0, longest) : code;
    }
  }
  return '';
}

/** Goes behind the line that ends a here-document. @returns where its body ends */
function endOfDocument(reader: ShellText, end: string, isIndented: boolean): number {
  while (hasMore(reader)) {
    const start = reader.at;
    const next = reader.text.indexOf('\n', start);
    reader.at = next < 0 ? reader.text.length : next + 1;
    const line = reader.text.slice(start, next < 0 ? reader.text.length : next);
    if ((isIndented ? line.replace(/^\t+/, '') : line) === end) {
      if (next >= 0) reader.at = next;
      return start;
    }
  }
  return reader.text.length;
}
