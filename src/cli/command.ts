/** One command, as main, --help and the completion know it; what it does is loaded only when it is meant. */
export interface Command {
  /** one line for the list of commands */
  summary: string;
  /** behind its name in the usage line */
  usage: string;
  /** words that its first argument may be */
  words?: readonly string[];
  options: readonly Option[];
  /** further help, below the options */
  more?: string;
  load(): Promise<{ run(given: Arguments): void | Promise<void> }>;
}

export interface Option {
  /** without the dashes */
  name: string;
  /** what its value is called; without one it stands alone */
  value?: string;
  /** the values it may have */
  values?: readonly string[];
  /** it may be given several times */
  many?: true;
  description: string;
}

/** What a command was given: the options by their names, `true` for one that stands alone. */
export interface Arguments {
  options: Readonly<Record<string, string | true | undefined>>;
  /** those that may be given several times */
  lists: Readonly<Record<string, readonly string[]>>;
  /** what is no option */
  words: readonly string[];
}
