import { registerCaseLoader } from '../plan/loader.ts';

registerCaseLoader();
