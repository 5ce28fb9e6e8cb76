// zod's compiled parsers need eval, which our content security policy forbids. Schemas look at this setting when they are
// made, so this module is the first that main.tsx imports.
import * as z from 'zod';

z.config({ jitless: true });
