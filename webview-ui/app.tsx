// Which page is shown, and what stands around every page.
import type { PageRoute } from '../server/protocol/pages.ts';
import { ConnectionBar } from './components/ConnectionBar.tsx';
import { Icon } from './components/Icon.tsx';
import { RouteLink } from './components/text.tsx';
import { m } from './i18n/index.ts';
import { ComparePage } from './pages/compare/ComparePage.tsx';
import { EndpointPage } from './pages/endpoint/EndpointPage.tsx';
import { HomePage } from './pages/home/HomePage.tsx';
import { ModelVersionPage } from './pages/modelVersion/ModelVersionPage.tsx';
import { ReceiptPage } from './pages/receipt/ReceiptPage.tsx';
import { ReceiptsPage } from './pages/receipts/ReceiptsPage.tsx';
import { RunPage } from './pages/run/RunPage.tsx';
import { SweepPage } from './pages/sweep/SweepPage.tsx';
import { TensorBoardPage } from './pages/tensorboard/TensorBoardPage.tsx';
import { useClient, useSignal } from './store/hooks.ts';
import './components/theme.css';
import './components/components.css';

export function App() {
  const client = useClient();
  const route = useSignal(client.route);
  if (!route) return null;
  return (
    <div class="app">
      {client.kind === 'browser' && <Crumbs route={route} />}
      <main class="page" key={JSON.stringify(route)}>
        <Page route={route} />
      </main>
      <ConnectionBar />
    </div>
  );
}

function Page({ route }: { route: PageRoute }) {
  switch (route.page) {
    case 'home':
      return <HomePage />;
    case 'run':
      return <RunPage id={route.id} />;
    case 'compare':
      return <ComparePage compared={{ runs: route.runs, project: route.project, sweep: route.sweep }} />;
    case 'sweep':
      return <SweepPage id={route.id} />;
    case 'endpoint':
      return <EndpointPage name={route.name} />;
    case 'modelVersion':
      return <ModelVersionPage name={route.name} version={route.version} />;
    case 'receipt':
      return <ReceiptPage id={route.id} />;
    case 'receipts':
      return <ReceiptsPage project={route.project} subject={route.subject} />;
    case 'tensorboard':
      return <TensorBoardPage runs={route.runs} />;
  }
}

/** The way back, where no editor stands around the page. */
function Crumbs({ route }: { route: PageRoute }) {
  return (
    <nav class="crumbs" aria-label="Slipway">
      <RouteLink to={{ page: 'home' }} title="Slipway">
        Slipway
      </RouteLink>
      {route.page !== 'home' && (
        <>
          <Icon name="chevron" />
          <span aria-current="page">{m.pageNames[route.page]}</span>
        </>
      )}
    </nav>
  );
}
