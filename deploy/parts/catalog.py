"""The Glue Data Catalog: the database in which runs keep the curated Iceberg tables, a table of failed runs, and a workgroup for Athena."""

from aws_cdk import Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from deploy.parts.storage import Storage
from deploy.settings import Settings

_FAILURE = ("run_id", "as_of", "job", "error", "cause")


class Catalog(Construct):
    """The curated tables themselves are made by the first run, with their schema; Athena and Redshift Spectrum find them here."""

    def __init__(self, scope: Construct, settings: Settings, *, storage: Storage) -> None:
        super().__init__(scope, "Catalog")
        account, bucket = Stack.of(self).account, storage.bucket.bucket_name
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=settings.catalog_database, description="rental-etl: curated tables (Iceberg)"
            ),
        )
        failures = glue.CfnTable(
            self,
            "Failures",
            catalog_id=account,
            database_name=settings.catalog_database,
            table_input=glue.CfnTable.TableInputProperty(
                name="run_failures",
                description="Runs that failed, as the state machine records them",
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "json"},
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=f"s3://{bucket}/runs/",
                    columns=[glue.CfnTable.ColumnProperty(name=name, type="string") for name in _FAILURE],
                    input_format="org.apache.hadoop.mapred.TextInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library="org.openx.data.jsonserde.JsonSerDe"
                    ),
                ),
            ),
        )
        failures.add_resource_dependency(database)
        athena.CfnWorkGroup(
            self,
            "Athena",
            name=settings.name,
            description="Questions about the curated tables",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                # A forgotten "where" costs cents, not dollars.
                bytes_scanned_cutoff_per_query=100 * 1024**3,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{bucket}/temp/athena/",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )
