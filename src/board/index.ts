export { BoardError } from './errors.ts';
export { type DeviceNode, type DeviceTree, readDeviceTree, writeDeviceTree } from './flattened.ts';
export { findKeptBoard, type KeptBoard, keepBoardUp, listKeptBoards, takeDown } from './kept.ts';
export { Board, type BoardOptions, type BoardTimings, startBoard } from './start.ts';
export { listSnapshots, removeSnapshots, type StoredSnapshot } from './stored.ts';
export { listTopologies, loadTopology, type Topology, type TopologyPmu } from './topology.ts';
