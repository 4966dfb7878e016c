plugins {
    alias(libs.plugins.android.application)
}

// Models and photos are those of the Python package; nothing is kept twice.
val assets by tasks.registering(Sync::class) {
    from("../../sdk/facesdk/models/detection") {
        include("mtcnn-pnet.tflite", "mtcnn-rnet.tflite", "mtcnn-onet.tflite", "finder.tflite")
    }
    from("../../sdk/facesdk/models/recognition") { include("compactfacenet-qb.tflite") }
    from("../../sdk/facesdk/samples") {
        include("obama.jpg", "obama2.jpg", "ORIGIN.md")
        into("samples")
    }
    from("../../LICENSE") { rename { "licences/facesdk.txt" } }
    from("../../sdk/facesdk/models/detection/LICENSE") { rename { "licences/detection.txt" } }
    from("../../sdk/facesdk/models/recognition/LICENSE") { rename { "licences/recognition.txt" } }
    into(layout.buildDirectory.dir("models-and-samples"))
}

android {
    namespace = "org.facesdk.demo"
    compileSdk = libs.versions.compileSdk.get().toInt()

    defaultConfig {
        applicationId = "org.facesdk.demo"
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.targetSdk.get().toInt()
        versionCode = extra["versionCode"] as Int
        versionName = version.toString()
        ndk {
            abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64")
        }
    }

    androidResources {
        noCompress += "tflite"
    }

    packaging {
        jniLibs {
            useLegacyPackaging = false // stored at page boundaries and mapped where they lie
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }

    sourceSets["main"].assets.srcDir(assets)
    // The tests need the libraries that `make test-android` lays out; Gradle does not run them.
    sourceSets["test"].java.setSrcDirs(emptyList<String>())
}

dependencies {
    implementation(project(":facesdk"))
    implementation(libs.litert) // 16 KiB pages; CI builds with org.tensorflow:tensorflow-lite, which has 4 KiB
}
