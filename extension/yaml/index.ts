// What the editor does with slipway.yaml: problems where they are, actions where their part begins, completion and
// hover. Reads server/protocol (the parser and the schema) only, runs nothing and needs no control plane.
import path from 'node:path';
import * as vscode from 'vscode';
import { type FileProblem, type ParsedSlipwayFile, parseSlipwayFile } from '../../server/protocol/parseSlipwayFile.ts';
import { lensesOf } from './lenses.ts';
import { placeAt } from './position.ts';
import { keyAt, keysAt, valuesAt } from './schema.ts';

const selector: vscode.DocumentSelector = { pattern: '**/slipway.yaml', scheme: 'file' };
/** While somebody types, the file is read when they pause. */
const readAfterMs = 150;

export function registerYaml(): vscode.Disposable {
  const diagnostics = vscode.languages.createDiagnosticCollection('slipway');
  const timers = new Map<string, NodeJS.Timeout>();
  const check = (document: vscode.TextDocument) => {
    if (!isSlipwayFile(document)) return;
    diagnostics.set(document.uri, parse(document).problems.map(diagnostic));
  };
  const checkSoon = (document: vscode.TextDocument) => {
    if (!isSlipwayFile(document)) return;
    const key = document.uri.toString();
    clearTimeout(timers.get(key));
    timers.set(
      key,
      setTimeout(() => {
        timers.delete(key);
        check(document);
      }, readAfterMs),
    );
  };
  for (const document of vscode.workspace.textDocuments) checkSoon(document);
  return vscode.Disposable.from(
    diagnostics,
    vscode.workspace.onDidOpenTextDocument(check),
    vscode.workspace.onDidChangeTextDocument(({ document }) => checkSoon(document)),
    vscode.workspace.onDidCloseTextDocument(({ uri }) => diagnostics.delete(uri)),
    vscode.languages.registerCodeLensProvider(selector, { provideCodeLenses: lenses }),
    vscode.languages.registerCompletionItemProvider(selector, { provideCompletionItems: completions }, ' ', ':'),
    vscode.languages.registerHoverProvider(selector, { provideHover: hover }),
    vscode.languages.registerCodeActionsProvider(
      selector,
      { provideCodeActions: fixes },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
    { dispose: () => timers.forEach((timer) => void clearTimeout(timer)) },
  );
}

let last: { document: vscode.TextDocument; version: number; parsed: ParsedSlipwayFile } | undefined;

/** Problems and lenses ask for the same text one after the other. */
function parse(document: vscode.TextDocument): ParsedSlipwayFile {
  if (last?.document !== document || last.version !== document.version) {
    last = { document, version: document.version, parsed: parseSlipwayFile(document.getText()) };
  }
  return last.parsed;
}

function isSlipwayFile(document: vscode.TextDocument): boolean {
  return vscode.languages.match(selector, document) > 0;
}

function diagnostic(problem: FileProblem): vscode.Diagnostic {
  const range = new vscode.Range(problem.line - 1, problem.column - 1, problem.endLine - 1, problem.endColumn - 1);
  const found = new vscode.Diagnostic(range, `${problem.message} ${problem.hint}`, vscode.DiagnosticSeverity.Error);
  found.source = 'Slipway';
  found.code = problem.code;
  return found;
}

function lenses(document: vscode.TextDocument): vscode.CodeLens[] {
  return lensesOf(parse(document), path.dirname(document.uri.fsPath)).map(({ line, title, command, subject }) => {
    const range = new vscode.Range(line, 0, line, 0);
    return new vscode.CodeLens(range, { title, command, arguments: [subject] });
  });
}

function completions(document: vscode.TextDocument, position: vscode.Position): vscode.CompletionItem[] {
  const place = placeAt(document.getText().split(/\r?\n/), position.line, position.character);
  if (place.isValue) {
    return valuesAt([...place.path, place.key]).map(
      (value) => new vscode.CompletionItem(value, vscode.CompletionItemKind.EnumMember),
    );
  }
  return keysAt(place.path).map((key) => {
    const item = new vscode.CompletionItem(key.name, vscode.CompletionItemKind.Property);
    item.insertText = key.isBlock ? `${key.name}:` : `${key.name}: `;
    item.detail = key.values;
    item.documentation = key.description;
    item.sortText = `${key.isRequired ? 0 : 1}${key.name}`;
    return item;
  });
}

function hover(document: vscode.TextDocument, position: vscode.Position): vscode.Hover | undefined {
  const range = document.getWordRangeAtPosition(position, /[\w.-]+(?=\s*:)/);
  if (!range) return undefined;
  const { path: keys, key } = placeAt(document.getText().split(/\r?\n/), range.end.line, range.end.character);
  const known = keyAt([...keys, key]);
  if (!known) return undefined;
  const text = new vscode.MarkdownString().appendMarkdown(`**${known.name}**`);
  if (known.values) text.appendMarkdown(': ').appendText(known.values);
  if (known.description) text.appendMarkdown('\n\n').appendText(known.description);
  return new vscode.Hover(text, range);
}

/** The nearest known key in the place of an unknown one, as the problem's hint suggests it. */
function fixes(document: vscode.TextDocument, _range: vscode.Range, context: vscode.CodeActionContext) {
  return context.diagnostics.flatMap((problem) => {
    const suggestion = problem.code === 'yaml.unknownKey' && /`([^`]+)`\?$/.exec(problem.message)?.[1];
    if (!suggestion) return [];
    const action = new vscode.CodeAction(`${suggestion}`, vscode.CodeActionKind.QuickFix);
    action.edit = new vscode.WorkspaceEdit();
    action.edit.replace(document.uri, problem.range, suggestion);
    action.diagnostics = [problem];
    action.isPreferred = true;
    return [action];
  });
}
