import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, folderWith, waitFor } from './support.ts';

async function open(text: string): Promise<vscode.TextDocument> {
  await activated();
  const folder = await folderWith({ 'slipway.yaml': text });
  return vscode.workspace.openTextDocument(path.join(folder, 'slipway.yaml'));
}

describe('slipway.yaml', () => {
  it('a mistake is marked where it is, says what to do, and goes when it is corrected', async () => {
    const document = await open('project: digits\ntrain:\n  run: a\n  parms: {}\n');
    const problems = () => vscode.languages.getDiagnostics(document.uri);
    const [problem] = await waitFor('a diagnostic', () => (problems().length > 0 ? problems() : undefined));
    assert.deepEqual(problem!.range, new vscode.Range(3, 2, 3, 7));
    assert.equal(problem!.code, 'yaml.unknownKey');
    assert.match(problem!.message, /parms.*Did you mean `params`\?/);

    const fixes = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      problem!.range,
    );
    await vscode.workspace.applyEdit(fixes.find(({ title }) => title === 'params')!.edit!);
    await waitFor('no diagnostic', () => problems().length === 0 || undefined);
  });

  it('offers its actions above the lines they belong to', async () => {
    const document = await open('project: digits\nstages:\n  prepare: { run: a }\ntrain: { run: b }\n');
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      'vscode.executeCodeLensProvider',
      document.uri,
    );
    const found = lenses.map(({ range, command }) => `${range.start.line} ${command?.command}`);
    for (const expected of ['0 slipway.runPipeline', '2 slipway.runStage', '3 slipway.startTraining']) {
      assert.ok(found.includes(expected), `${expected} is not in ${found.join(', ')}`);
    }
  });

  it('completes keys and values, and explains keys', async () => {
    const document = await open('project: digits\nsweep:\n  sampler: tpe\n  \n');
    const complete = async (line: number, character: number) => {
      const at = new vscode.Position(line, character);
      const list = await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        document.uri,
        at,
      );
      return list.items.map(({ label }) => String(label));
    };
    assert.ok((await complete(3, 2)).includes('trials'));
    assert.ok((await complete(2, 11)).includes('sobol'));
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      document.uri,
      new vscode.Position(2, 4),
    );
    const texts = hovers.flatMap(({ contents }) => contents.map((part) => (part as vscode.MarkdownString).value));
    assert.ok(
      texts.some((text) => text.includes('sampler')),
      texts.join('\n'),
    );
  });
});
