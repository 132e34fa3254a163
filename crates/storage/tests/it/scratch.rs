use crate::support::*;
use std::time::Instant;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scratch() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let orders = table(&storage, "orders", &[]).await;
    for writers in [1, 4, 16, 64] {
        let load = load::Load::start(&orders, writers);
        let t = Instant::now();
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let el = t.elapsed();
        let done = load.stop().await;
        println!(
            "{writers} writers: {}/s",
            done.total() as f64 / el.as_secs_f64()
        );
        for k in 0..20 {
            for w in 0..writers {
                let key = format!("w{w:02}-{k:02}");
                orders
                    .read_modify_write(key.as_bytes(), |_| storage::Decision::Delete(()))
                    .await
                    .unwrap();
            }
        }
    }
    let t = Instant::now();
    for i in 0..500 {
        put(&orders, "a", &format!("{i}")).await;
    }
    println!("put {:?}", t.elapsed() / 500);
    let t = Instant::now();
    for _ in 0..5000 {
        get(&orders, "a").await;
    }
    println!("get {:?}", t.elapsed() / 5000);
    let cpu = || {
        let s = std::fs::read_to_string("/proc/self/stat").unwrap();
        let f: Vec<&str> = s.split(' ').collect();
        (f[13].parse::<f64>().unwrap() + f[14].parse::<f64>().unwrap()) / 100.0
    };
    let b: Vec<String> = (0..49).map(|i| format!("b{i:02}")).collect();
    let b: Vec<&str> = b.iter().map(|s| s.as_str()).collect();
    let t = Instant::now();
    let _many = table(&storage, "many", &b).await;
    println!("50 partitions made in {:?}", t.elapsed());
    let (c, t) = (cpu(), Instant::now());
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    println!(
        "idle CPU with 51 partitions: {:.2} % of a core",
        100.0 * (cpu() - c) / t.elapsed().as_secs_f64()
    );
    storage.close().await.unwrap();
    let t = Instant::now();
    let storage = open(root.path()).await;
    println!("51 partitions opened in {:?}", t.elapsed());
    storage.close().await.unwrap();
}
