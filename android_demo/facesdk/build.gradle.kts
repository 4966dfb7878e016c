plugins {
    alias(libs.plugins.android.library)
    `maven-publish`
}

android {
    namespace = "org.facesdk"
    compileSdk = libs.versions.compileSdk.get().toInt()

    defaultConfig {
        minSdk = libs.versions.minSdk.get().toInt()
        consumerProguardFiles("consumer-rules.pro")
        ndk {
            abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64")
        }
        externalNativeBuild {
            cmake {
                arguments += listOf("-DFACESDK_VERSION=$version")
                targets += listOf("facesdk_jni")
            }
        }
    }

    externalNativeBuild {
        cmake {
            path = file("src/main/cpp/CMakeLists.txt")
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }

    // The tests need the libraries that `make test-android` lays out; Gradle does not run them.
    sourceSets["test"].java.setSrcDirs(emptyList<String>())

    publishing {
        singleVariant("release") {
            withSourcesJar()
            withJavadocJar()
        }
    }
}

dependencies {
    compileOnly(libs.jetbrains.annotations) // Kotlin sees what may be null
    compileOnly(libs.tensorflow.lite) // the app chooses the runtime
}

publishing {
    publications {
        register<MavenPublication>("release") {
            artifactId = "facesdk"
            afterEvaluate {
                from(components["release"])
            }
            pom {
                name = "facesdk"
                description = "Face recognition with 1-bit networks on small devices"
                licenses {
                    license {
                        name = "Apache-2.0"
                    }
                }
            }
        }
    }
}
