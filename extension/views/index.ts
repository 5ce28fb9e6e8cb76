// The trees of the side bar, one for each view of package.json: the rows are decided in *Rows.ts (pure), drawn by
// rowTree.ts. May use model/, client/ and text/; the container makes them.
import * as vscode from 'vscode';
import type { Topic } from '../../server/protocol/entities.ts';
import { projectFileName, projectFolders } from '../commands/projects.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { clusterRows } from './clusterRows.ts';
import { datasetRows } from './datasetRows.ts';
import { endpointRows } from './endpointRows.ts';
import { modelRows } from './modelRows.ts';
import type { Row } from './row.ts';
import { countRunning, hasModel, runRows } from './runRows.ts';
import type { ShownTree, ViewId } from './shownTrees.ts';

/** Changes that come together are drawn together. */
const drawEveryMs = 200;
/** So that `2 min ago` stays true. */
const timesEveryMs = 60_000;

interface View {
  id: ViewId;
  topics: Topic[];
  rows: (services: Services, nowMs: number) => Row[];
}

export const views: View[] = [
  {
    id: 'slipway.datasets',
    topics: ['datasets', 'datasetVersions', 'operations', 'models'],
    rows: ({ model, files }, now) => datasetRows(model.items, files, now),
  },
  {
    id: 'slipway.models',
    topics: ['models', 'modelVersions', 'rollouts'],
    rows: ({ model }, now) => modelRows(model.items, now),
  },
  {
    id: 'slipway.runs',
    topics: ['runs', 'sweeps', 'trials', 'nodes'],
    rows: ({ model }, now) => runRows(model.items, now),
  },
  {
    id: 'slipway.endpoints',
    topics: ['endpoints', 'rollouts', 'monitors'],
    rows: ({ model }, now) => endpointRows(model.items, now),
  },
  {
    id: 'slipway.cluster',
    topics: ['nodes', 'runs'],
    rows: ({ model }) => clusterRows(model.items),
  },
];

/** Feeds the trees. A view that a person looks at is the first use that starts the control plane. */
export function registerViews(services: Services, shown: Record<ViewId, ShownTree>): vscode.Disposable {
  const { connection, model } = services;
  const trees = views.map((view) => {
    const { provider, tree } = shown[view.id];
    provider.attach(() => view.rows(services, Date.now()));
    return { view, provider, tree };
  });

  const drawLater = new Map<string, NodeJS.Timeout>();
  const draw = ({ view, provider }: (typeof trees)[number]) => {
    if (drawLater.has(view.id)) return;
    const timer = setTimeout(() => {
      drawLater.delete(view.id);
      provider.refresh();
    }, drawEveryMs);
    drawLater.set(view.id, timer);
  };
  const toldProjects = tellProjects();
  const runs = trees.find(({ view }) => view.id === 'slipway.runs')!;
  const stopListening = model.listen((topic) => {
    for (const tree of trees) if (tree.view.topics.includes(topic)) draw(tree);
    if (topic === 'runs') {
      runs.tree.badge = badge(countRunning(model.items('runs').values()));
      setContext('slipway.hasModel', [...model.items('runs').values()].some(hasModel));
    }
    if (topic === 'modelVersions') setContext('slipway.hasModelVersion', model.items('modelVersions').size > 0);
    for (const { view } of trees) {
      const isLoaded = view.topics.filter((name) => name !== 'trials').every((name) => model.isReady(name));
      setContext(`${view.id}.loaded`, isLoaded);
    }
  });

  const use = () => void connection.use().catch(() => undefined); // the views' message tells it
  const showConnection = () => {
    const { state, error } = connection.status;
    setContext('slipway.state', state);
    const message = stateMessage(state, error && `${error.message} ${error.hint}`);
    for (const { tree } of trees) tree.message = message;
  };
  const stopWatching = connection.listen(showConnection);
  const onVisible = trees.map(({ tree }) => tree.onDidChangeVisibility(({ visible }) => visible && use()));
  if (trees.some(({ tree }) => tree.visible)) use();
  showConnection();

  const clock = setInterval(() => {
    for (const tree of trees) if (tree.tree.visible) draw(tree);
  }, timesEveryMs);
  return vscode.Disposable.from(...trees.map(({ tree }) => tree), ...onVisible, toldProjects, {
    dispose() {
      clearInterval(clock);
      for (const timer of drawLater.values()) clearTimeout(timer);
      stopListening();
      stopWatching();
    },
  });
}

/** Tells empty views whether a slipway.yaml is open, so that they offer no step that can only fail. */
function tellProjects(): vscode.Disposable {
  const tell = async () => setContext('slipway.hasProject', (await projectFolders()).length > 0);
  const watcher = vscode.workspace.createFileSystemWatcher(`**/${projectFileName}`, false, true, false);
  watcher.onDidCreate(tell);
  watcher.onDidDelete(tell);
  void tell();
  return vscode.Disposable.from(watcher, vscode.workspace.onDidChangeWorkspaceFolders(tell));
}

function stateMessage(state: string, error: string | undefined): string | undefined {
  if (state === 'starting') return t('Starting the control plane…');
  if (state === 'lost') return t('The connection is lost; what is shown may be old. Reconnecting…');
  return state === 'stopped' ? error : undefined;
}

function badge(running: number): vscode.ViewBadge | undefined {
  return running === 0 ? undefined : { value: running, tooltip: t('{0} running', running) };
}

const contexts = new Map<string, unknown>();

/** Tells menus and welcome views a state, when it changes. */
function setContext(name: string, value: unknown): void {
  if (contexts.get(name) === value) return;
  contexts.set(name, value);
  void vscode.commands.executeCommand('setContext', name, value);
}
