import assert from 'node:assert/strict';
import { appendFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated } from './support.ts';

describe('activation', () => {
  it('registers every command of package.json and starts no control plane', async () => {
    const extension = vscode.extensions.getExtension('slipway.slipway')!;
    const isFirst = !extension.isActive;
    const before = performance.now();
    await extension.activate();
    const tookMs = (performance.now() - before).toFixed(1);
    const { folder } = await activated();
    const output = process.env['SLIPWAY_TEST_OUTPUT'];
    if (output && isFirst) appendFileSync(output, `  activation took ${tookMs} ms\n`);
    const registered = await vscode.commands.getCommands(true);
    const { contributes } = extension.packageJSON as { contributes: { commands: { command: string }[] } };
    for (const { command } of contributes.commands) assert.ok(registered.includes(command), command);
    if (isFirst) assert.equal(existsSync(path.join(folder, 'server.json')), false);
  });
});
