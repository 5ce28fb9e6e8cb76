/** What stands at a place of a block-style YAML text: enough for completion and hover while the text is not yet valid. */
export interface YamlPlace {
  /** Keys from the top to the map that the line is in. */
  path: string[];
  /** The key of the line, as far as it is typed. */
  key: string;
  /** Whether the place is behind the key's colon. */
  isValue: boolean;
}

/**
 * The place of a position.
 * @param lines the text
 * @param line from 0
 * @param character from 0
 */
export function placeAt(lines: string[], line: number, character: number): YamlPlace {
  const before = (lines[line] ?? '').slice(0, character);
  const flow = flowPlace(before);
  const outer = enclosingKeys(lines, line, indentOf(before));
  if (flow) return { ...flow, path: [...outer, ...flow.path] };
  const match = /^(\s*)(?:- )?([\w.-]*)(\s*:)?/.exec(before)!;
  return { path: outer, key: match[2] ?? '', isValue: match[3] !== undefined };
}

/** Keys of the less and less indented lines above. */
function enclosingKeys(lines: string[], line: number, indent: number): string[] {
  const path: string[] = [];
  let limit = indent;
  for (let i = line - 1; i >= 0 && limit > 0; i--) {
    const text = lines[i]!;
    if (/^\s*(#|$)/.test(text)) continue;
    const found = indentOf(text);
    if (found >= limit) continue;
    limit = found;
    const key = /^\s*(?:- )?([\w.-]+)\s*:/.exec(text)?.[1];
    if (key !== undefined) path.unshift(key);
  }
  return path;
}

/** The place within `key: { a: 1, b: { …` on one line. */
function flowPlace(before: string): YamlPlace | undefined {
  const start = /^\s*(?:- )?(?:([\w.-]+)\s*:\s*)?(?=[{[])/.exec(before);
  if (!start) return undefined;
  const path: string[] = start[1] === undefined ? [] : [start[1]];
  const open: number[] = [];
  let text = '';
  let key = '';
  let isValue = false;
  for (const character of before.slice(start[0].length)) {
    if (character === '{' || character === '[') {
      open.push(path.length);
      if (isValue && key) path.push(key);
    } else if (character === '}' || character === ']') {
      path.length = open.pop() ?? path.length;
    } else if (character === ':') {
      key = text.trim();
      isValue = true;
      text = '';
      continue;
    } else if (character !== ',') {
      text += character;
      continue;
    }
    text = '';
    key = '';
    isValue = false;
  }
  if (open.length === 0) return undefined;
  return { path, key: isValue ? key : text.trim(), isValue };
}

/** A list's dash counts as indentation: what follows it belongs to the map of the entry. */
function indentOf(text: string): number {
  return /^\s*(- )*/.exec(text)![0].length;
}
