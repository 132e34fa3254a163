use super::*;
use nodelog::{Disk, SimulatedDisk};
use object_store::ObjectStoreExt;
use tree::RealTree;

fn real(root: &std::path::Path) -> LocalObjects {
    LocalObjects::new(Arc::new(RealTree::new(root, true)))
}

fn simulated(disk: &Arc<SimulatedDisk>) -> LocalObjects {
    LocalObjects::new(Arc::new(disk.clone()))
}

async fn put(objects: &LocalObjects, path: &str, content: &str) -> Result<PutResult> {
    objects.put(&Path::from(path), content.to_owned().into()).await
}

async fn create(objects: &LocalObjects, path: &str, content: &str) -> Result<PutResult> {
    let payload = PutPayload::from(content.to_owned());
    objects.put_opts(&Path::from(path), payload, PutMode::Create.into()).await
}

async fn get(objects: &LocalObjects, path: &str) -> Result<Bytes> {
    objects.get(&Path::from(path)).await?.bytes().await
}

async fn names(objects: &LocalObjects, below: Option<&str>) -> Vec<String> {
    let below = below.map(Path::from);
    let listed: Vec<ObjectMeta> = objects.list(below.as_ref()).try_collect().await.unwrap();
    listed.iter().map(|meta| meta.location.to_string()).collect()
}

/// What an object store has to do, and what we ask of one.
async fn check(objects: &LocalObjects) {
    put(objects, "a/b/one", "1").await.unwrap();
    create(objects, "a/two", "22").await.unwrap();
    let again = create(objects, "a/two", "3").await.unwrap_err();
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
    put(objects, "a/b/one", "eins").await.unwrap();
    assert_eq!(get(objects, "a/b/one").await.unwrap(), "eins");
    assert_eq!(get(objects, "a/two").await.unwrap(), "22");
    for missing in ["a/three", "a/b", "b/c/d"] {
        let error = get(objects, missing).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{missing}: {error}");
    }
    assert!(get(objects, "a/two#1").await.is_err(), "the name of a staging file");
    assert_eq!(names(objects, None).await, ["a/two", "a/b/one"]);
    assert_eq!(names(objects, Some("a/b")).await, ["a/b/one"]);
    assert!(names(objects, Some("nowhere")).await.is_empty());
    let listed = objects.list_with_delimiter(Some(&Path::from("a"))).await.unwrap();
    assert_eq!(listed.common_prefixes, [Path::from("a/b")]);
    assert_eq!((listed.objects.len(), listed.objects[0].size), (1, 2));

    let one = Path::from("a/b/one");
    assert_eq!(objects.get_range(&one, 1..3).await.unwrap(), "in");
    assert_eq!(objects.get_range(&one, 1..30).await.unwrap(), "ins");
    assert!(objects.get_range(&one, 4..5).await.is_err());
    let ranges = objects.get_ranges(&one, &[0..1, 2..4]).await.unwrap();
    assert_eq!(ranges, ["e", "ns"]);
    assert_eq!(objects.head(&one).await.unwrap().size, 4);
    objects.copy(&one, &Path::from("a/c")).await.unwrap();
    assert_eq!(get(objects, "a/c").await.unwrap(), "eins");
    assert!(objects.copy_if_not_exists(&one, &Path::from("a/c")).await.is_err());

    let mut upload = objects.put_multipart(&Path::from("up/load")).await.unwrap();
    let parts = ["long ", "and ", "longer"].map(|part| upload.put_part(part.into()));
    // In any order.
    for part in parts.into_iter().rev() {
        part.await.unwrap();
    }
    assert!(get(objects, "up/load").await.is_err(), "not before it is complete");
    upload.complete().await.unwrap();
    assert!(upload.complete().await.is_err());
    assert_eq!(get(objects, "up/load").await.unwrap(), "long and longer");
    let mut given_up = objects.put_multipart(&Path::from("up/not")).await.unwrap();
    given_up.put_part("x".into()).await.unwrap();
    given_up.abort().await.unwrap();
    drop(objects.put_multipart(&Path::from("up/nor")).await.unwrap());

    objects.delete(&one).await.unwrap();
    let gone = objects.delete(&one).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    assert_eq!(names(objects, None).await, ["a/c", "a/two", "up/load"]);
}

#[tokio::test]
async fn a_directory_and_a_simulated_disk_are_object_stores() {
    let root = tempfile::tempdir().unwrap();
    check(&real(root.path())).await;
    let theirs = object_store::local::LocalFileSystem::new_with_prefix(root.path()).unwrap();
    let found = theirs.get(&Path::from("up/load")).await.unwrap().bytes().await.unwrap();
    assert_eq!(found, "long and longer", "object_store's own reads what ours has written");
    check(&simulated(&Arc::new(SimulatedDisk::new(1)))).await;
}

#[tokio::test]
async fn what_was_written_survives_a_power_cut_and_what_was_not_is_not_there_in_part() {
    let mut torn = 0;
    for seed in 0..300 {
        let disk = Arc::new(SimulatedDisk::new(seed));
        let objects = simulated(&disk);
        put(&objects, "a/b/one", "first").await.unwrap();
        put(&objects, "a/b/one", "second").await.unwrap();
        disk.plan(disk.operations() + seed % 9, nodelog::Fault::PowerCut);
        let third = put(&objects, "a/c/two", "third").await;
        disk.power_cycle();
        let objects = simulated(&disk);
        assert_eq!(get(&objects, "a/b/one").await.unwrap(), "second", "{seed}");
        match get(&objects, "a/c/two").await {
            Ok(found) => assert_eq!(found, "third", "{seed}"),
            Err(error) => {
                assert!(matches!(error, Error::NotFound { .. }), "{seed}: {error}");
                assert!(third.is_err(), "{seed}: it was acknowledged");
                torn += 1;
            }
        }
    }
    assert!(torn > 50, "{torn}");
}

/// A directory that somebody made, and did not force, before the process died.
#[tokio::test]
async fn directories_that_are_found_are_made_safe_all_the_same() {
    let disk = Arc::new(SimulatedDisk::new(1));
    disk.make_directory("a").unwrap();
    disk.make_directory("a/b").unwrap();
    put(&simulated(&disk), "a/b/one", "1").await.unwrap();
    // A disk that keeps nothing that was not forced.
    for _ in 0..20 {
        disk.power_cycle();
        assert_eq!(get(&simulated(&disk), "a/b/one").await.unwrap(), "1");
    }
}

#[tokio::test]
async fn a_directory_that_was_removed_is_made_again() {
    let disk = Arc::new(SimulatedDisk::new(1));
    let objects = simulated(&disk);
    put(&objects, "a/b/one", "1").await.unwrap();
    objects.delete(&Path::from("a/b/one")).await.unwrap();
    disk.remove_directory("a/b").unwrap();
    objects.forget_directory("a");
    put(&objects, "a/b/two", "2").await.unwrap();
    assert!(disk.list().unwrap().is_empty());
    disk.power_cycle();
    assert_eq!(get(&simulated(&disk), "a/b/two").await.unwrap(), "2");
}
