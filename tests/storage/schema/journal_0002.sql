INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node)
  VALUES ('ann', 6, 1, 4, 111411200000393216, 'node-1');
INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node)
  VALUES ('bob', 1, 1, 1, 111411200000458752, 'node-1');
INSERT INTO contexts (user_id, replica, context)
  VALUES ('ann', 'phone', '{"vector":{"phone":1},"cloud":[]}');
INSERT INTO entries (user_id, content_id, tag, added_revision, timestamp, node, device_id)
  VALUES ('ann', '89a28372-336e-52d7-9d03-471407a63c1c', 'syncd:2', 2, 111411200000065536, 'node-1', 'phone');
INSERT INTO entries (user_id, content_id, tag, added_revision, timestamp, node, device_id)
  VALUES ('ann', 'f3cfbac3-b095-50a9-a579-6d41d87f10a7', 'syncd:3', 5, 111411200000327680, 'node-1', 'tv');
INSERT INTO entries (user_id, content_id, tag, added_revision, timestamp, node, device_id)
  VALUES ('ann', 'f3cfbac3-b095-50a9-a579-6d41d87f10a7', 'syncd:4', 6, 111411200000393216, 'node-1', 'phone');
INSERT INTO entries (user_id, content_id, tag, added_revision, timestamp, node, device_id)
  VALUES ('bob', '89a28372-336e-52d7-9d03-471407a63c1c', 'syncd:1', 1, 111411200000458752, 'node-1', 'tv');
INSERT INTO operations (user_id, revision, kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms)
  VALUES ('ann', 1, 'watchlist.add', '89a28372-336e-52d7-9d03-471407a63c1c', '["syncd:1"]', 111411200000000000, 'node-1', 'tv', 'add-alien', 1700000000000);
INSERT INTO operations (user_id, revision, kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms)
  VALUES ('ann', 2, 'watchlist.add', '89a28372-336e-52d7-9d03-471407a63c1c', '["syncd:2"]', 111411200000065536, 'node-1', 'phone', 'add-alien-again', 1700000000000);
INSERT INTO operations (user_id, revision, kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms)
  VALUES ('ann', 3, 'watchlist.add', '43794768-f8ac-53b1-91d6-37e0fd4ec7ab', '["phone:1"]', 111411200000131072, 'node-1', 'phone', 'add-brazil', 1700000000000);
INSERT INTO operations (user_id, revision, kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms)
  VALUES ('ann', 4, 'watchlist.remove', '43794768-f8ac-53b1-91d6-37e0fd4ec7ab', '["phone:1"]', 111411200000196608, 'node-1', 'tv', 'remove-brazil', 1700000000000);
INSERT INTO operations (user_id, revision, kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms)
  VALUES ('ann', 5, 'watchlist.add', 'f3cfbac3-b095-50a9-a579-6d41d87f10a7', '["syncd:3"]', 111411200000327680, 'node-1', 'tv', NULL, 1700000000000);
INSERT INTO operations (user_id, revision, kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms)
  VALUES ('ann', 6, 'watchlist.add', 'f3cfbac3-b095-50a9-a579-6d41d87f10a7', '["syncd:4"]', 111411200000393216, 'node-1', 'phone', NULL, 1700000000000);
INSERT INTO operations (user_id, revision, kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms)
  VALUES ('bob', 1, 'watchlist.add', '89a28372-336e-52d7-9d03-471407a63c1c', '["syncd:1"]', 111411200000458752, 'node-1', 'tv', 'add-alien', 1700000000000);
