import { parseAst } from 'rolldown/parseAst';

/** One small mistake in a source: `replacement` instead of what stands from `start` to `end`. */
export interface Mutant {
  line: number;
  start: number;
  end: number;
  original: string;
  replacement: string;
}

/** Of an ESTree node only what is needed here: the parser's own types know no common shape. */
interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

const OPERATORS: Record<string, string[]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['|'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&&': ['||'],
  '||': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '|=': ['&='],
  '&=': ['|='],
  '??=': ['='],
  '++': ['--'],
  '--': ['++'],
};

/** All mutants of a TypeScript source, in the order of the text. */
export function mutantsOf(source: string): Mutant[] {
  const mutants: Mutant[] = [];
  const add = (start: number, end: number, replacement: string): void => {
    const line = source.slice(0, start).split('\n').length;
    mutants.push({ line, start, end, original: source.slice(start, end), replacement });
  };
  visit(parseAst(source, { lang: 'ts' }) as unknown as Node, source, add);
  return mutants.sort((a, b) => a.start - b.start || a.end - b.end);
}

type Add = (start: number, end: number, replacement: string) => void;

function visit(node: Node, source: string, add: Add): void {
  if (isLeftAlone(node)) return;
  mutate(node, source, add);
  for (const [key, value] of Object.entries(node)) {
    if (key === 'key' && node.computed !== true) continue;
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, source, add);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** What only the compiler or a human reads: types, imports, and the texts of errors. */
function isLeftAlone(node: Node): boolean {
  if (/^(Import|ExportAll|ThrowStatement)/.test(node.type)) return true;
  return node.type.startsWith('TS') && !/^TS(As|NonNull|Satisfies)/.test(node.type);
}

function mutate(node: Node, source: string, add: Add): void {
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      swapOperator(node, source, add);
      break;
    case 'UpdateExpression': {
      const at = node.prefix ? node.start : node.end - 2;
      add(at, at + 2, OPERATORS[node.operator as string][0]);
      break;
    }
    case 'UnaryExpression':
      if (node.operator === '!' || node.operator === '-') add(node.start, node.start + 1, '');
      break;
    case 'IfStatement':
    case 'ConditionalExpression':
      for (const value of ['true', 'false']) add((node.test as Node).start, (node.test as Node).end, value);
      break;
    case 'WhileStatement':
      add((node.test as Node).start, (node.test as Node).end, 'false');
      break;
    case 'Literal':
      mutateLiteral(node, add);
      break;
    case 'ExpressionStatement':
      if ((node.expression as Node).type !== 'Literal' && !source.startsWith('super(', node.start)) {
        add(node.start, node.end, ';');
      }
      break;
    case 'ReturnStatement':
      // without a value it skips the rest of a function
      if (node.argument === null) add(node.start, node.end, ';');
      break;
    case 'ContinueStatement':
    case 'BreakStatement':
      add(node.start, node.end, ';');
      break;
  }
}

function swapOperator(node: Node, source: string, add: Add): void {
  const { operator, left, right } = node as unknown as { operator: string; left: Node; right: Node };
  const isText = [left, right].some((each) => each.type === 'TemplateLiteral' || typeof each.value === 'string');
  if (operator.startsWith('+') && isText) return;
  const at = source.indexOf(operator, left.end);
  for (const other of OPERATORS[operator] ?? []) add(at, at + operator.length, other);
}

function mutateLiteral({ start, end, value }: Node, add: Add): void {
  if (typeof value === 'boolean') add(start, end, String(!value));
  else if (typeof value === 'number') add(start, end, value === 0 ? '1' : String(value + 1));
  else if (typeof value === 'string') add(start, end, value === '' ? "'mutated'" : "''");
}
